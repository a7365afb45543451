// Asks the server when a value pushed to this browser changes.
//
// It needs JavaScript because a pushed value reaches no State: what a session wants to do about it, its
// browser must ask for.
import { useEffect, useRef } from "react";

export function LiveWatch({ value, onChange }) {
  const last = useRef(value);
  const ask = useRef(onChange);
  ask.current = onChange;
  useEffect(() => {
    if (last.current === value) return;
    last.current = value;
    ask.current?.();
  }, [value]);
  return null;
}

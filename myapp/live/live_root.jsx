// Registers the live layer's reducers on Reflex's socket, around the whole app and before the first
// message: a message for a substate nobody registered is dropped.
import { useContext } from "react";
import { DispatchContext } from "$/utils/context-registry";
import { register } from "./live_store.js";

export function LiveRoot({ children }) {
  const dispatch = useContext(DispatchContext);
  if (dispatch && dispatch["live_streams"] === undefined) register(dispatch);
  return children ?? null;
}

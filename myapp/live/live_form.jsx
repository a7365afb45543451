// A form whose typed text belongs to the browser: inputs are uncontrolled, the server only sends errors.
import {
  createContext,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { onAcknowledged, onMounted } from "./live_store.js";

const VALIDATE_AFTER_MS = 250;
const GIVE_UP_MS = 15000;

const FormContext = createContext({ id: "form", isSaving: false });

function valuesOf(form) {
  const values = {};
  for (const element of form.elements) {
    if (!element.name || element.disabled) continue;
    if (element.type === "checkbox") values[element.name] = element.checked;
    else if (element.type === "radio") {
      if (element.checked) values[element.name] = element.value;
    } else if (element.type !== "file" && element.type !== "submit") {
      values[element.name] = element.value;
    }
  }
  return values;
}

function focusFirstInvalid(form) {
  form?.querySelector('[aria-invalid="true"]')?.focus();
}

// The second half of a double click may come after the first one's save was acknowledged. A time limit
// instead would also drop a quick correction; the browser knows which clicks belong together.
function dropSecondClick(event) {
  if (event.detail > 1 && event.target.closest?.('button[type="submit"]')) event.preventDefault();
}

export function LiveForm({ formId, onValidate, onSave, children, className, ...rest }) {
  const ref = useRef(null);
  const touched = useRef(new Set());
  const timer = useRef(null);
  const saved = useRef({ number: 0, giveUp: null });
  const handlers = useRef({});
  handlers.current = { onValidate, onSave };
  const [isSaving, setSaving] = useState(false);

  const validate = useCallback(() => {
    timer.current = null;
    if (ref.current && handlers.current.onValidate) {
      handlers.current.onValidate(valuesOf(ref.current), [...touched.current]);
    }
  }, []);

  const validateSoon = useCallback(() => {
    clearTimeout(timer.current);
    timer.current = setTimeout(validate, VALIDATE_AFTER_MS);
  }, [validate]);

  const release = useCallback(() => {
    clearTimeout(saved.current.giveUp);
    setSaving(false);
  }, []);

  useEffect(() => {
    const stopAcks = onAcknowledged((numbers) => {
      if (numbers[formId] !== saved.current.number) return;
      release();
      // The errors came just before on the same socket; let React show them first.
      requestAnimationFrame(() => setTimeout(() => focusFirstInvalid(ref.current)));
    });
    // The page was opened again on a new connection: an acknowledgement may be lost, and the
    // server no longer knows what was typed.
    const stopMounts = onMounted(() => {
      release();
      if (touched.current.size > 0) validateSoon();
    });
    return () => {
      stopAcks();
      stopMounts();
      clearTimeout(timer.current);
      clearTimeout(saved.current.giveUp);
    };
  }, [formId, release, validateSoon]);

  const onInput = useCallback(
    (event) => {
      if (event.target.name) touched.current.add(event.target.name);
      validateSoon();
    },
    [validateSoon],
  );

  const onSubmit = useCallback(
    (event) => {
      event.preventDefault();
      if (isSaving) return;
      clearTimeout(timer.current);
      const values = valuesOf(event.currentTarget);
      Object.keys(values).forEach((name) => touched.current.add(name));
      const number = saved.current.number + 1;
      saved.current = { number, giveUp: setTimeout(release, GIVE_UP_MS) };
      setSaving(true);
      handlers.current.onSave?.({ ...values, _submission: { form: formId, number } });
    },
    [formId, isSaving, release],
  );

  const context = useMemo(() => ({ id: formId, isSaving }), [formId, isSaving]);
  return (
    <FormContext.Provider value={context}>
      <form
        {...rest}
        id={formId}
        ref={ref}
        className={className ?? "form"}
        noValidate
        aria-busy={isSaving}
        onInput={onInput}
        onClickCapture={dropSecondClick}
        onSubmit={onSubmit}
      >
        {children}
      </form>
    </FormContext.Provider>
  );
}

export function LiveField({
  name,
  label,
  inputType = "text",
  errors,
  default: initial,
  options,
  hint,
  attributes,
  className,
}) {
  const { id } = useContext(FormContext);
  const inputId = `${id}-${name}`;
  const errorId = `${inputId}-error`;
  const hintId = `${inputId}-hint`;
  const messages = errors ?? [];
  const isInvalid = messages.length > 0;
  const isCheckbox = inputType === "checkbox";
  const common = {
    ...attributes,
    id: inputId,
    name,
    className: "field__input",
    "aria-invalid": isInvalid,
    "aria-describedby":
      [hint && hintId, isInvalid && errorId].filter(Boolean).join(" ") || undefined,
    ...(isCheckbox ? { defaultChecked: !!initial } : { defaultValue: initial ?? "" }),
  };
  let input;
  if (inputType === "textarea") input = <textarea rows={3} {...common} />;
  else if (inputType === "select") {
    input = (
      <select {...common}>
        {(options ?? []).map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    );
  } else input = <input type={inputType} {...common} />;
  return (
    <div className={className ?? "field"}>
      <label className="field__label" htmlFor={inputId}>
        {label}
      </label>
      {input}
      {hint && (
        <p id={hintId} className="field__hint">
          {hint}
        </p>
      )}
      {isInvalid && (
        <p id={errorId} className="field__error">
          {messages.join(", ")}
        </p>
      )}
    </div>
  );
}

export function LiveSubmit({ label, savingLabel, className, ...rest }) {
  const { isSaving } = useContext(FormContext);
  return (
    <button
      {...rest}
      type="submit"
      className={className ?? "button button--primary"}
      disabled={isSaving}
    >
      {isSaving ? savingLabel : label}
    </button>
  );
}

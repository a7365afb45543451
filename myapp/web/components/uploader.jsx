// Sends a file to the server while its progress is shown, and lets it be stopped.
//
// It needs JavaScript because a form cannot tell how much of a file has left, nor be cancelled without
// leaving the page. The bytes go over plain HTTP in one streamed request, never over the socket.
import React, { useCallback, useEffect, useRef, useState } from "react";
import { useNavigate } from "react-router";

const UNITS = ["B", "KB", "MB", "GB"];

function sizeOf(bytes) {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit && value < 100 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
}

function refusalOf(request, limit) {
  try {
    return JSON.parse(request.responseText).error.message;
  } catch {
    if (request.status === 413) return `The file is larger than ${sizeOf(limit)}.`;
    return "The upload was interrupted. Nothing was kept; choose the file again.";
  }
}

export function Uploader({ action, accept, limit, hint }) {
  const navigate = useNavigate();
  const request = useRef(null);
  const input = useRef(null);
  const [isActive, setActive] = useState(false);
  const [file, setFile] = useState(null);
  const [sent, setSent] = useState(0);
  const [problem, setProblem] = useState("");

  useEffect(() => () => request.current?.abort(), []);

  const stop = useCallback((words) => {
    request.current = null;
    setFile(null);
    setSent(0);
    setProblem(words);
    if (input.current) input.current.value = "";
  }, []);

  const send = useCallback(
    (chosen) => {
      if (!chosen || request.current) return;
      if (chosen.size > limit) {
        stop(`${chosen.name} is ${sizeOf(chosen.size)}; at most ${sizeOf(limit)} are taken.`);
        return;
      }
      const xhr = new XMLHttpRequest();
      request.current = xhr;
      setProblem("");
      setFile(chosen);
      setSent(0);
      xhr.open("POST", action);
      xhr.setRequestHeader("X-Filename", encodeURIComponent(chosen.name));
      xhr.setRequestHeader("Accept", "application/json");
      xhr.upload.onprogress = (event) => setSent(event.loaded);
      xhr.onload = () => {
        if (xhr.status !== 201) {
          stop(refusalOf(xhr, limit));
          return;
        }
        request.current = null;
        navigate(JSON.parse(xhr.responseText).location);
      };
      xhr.onerror = () => stop(refusalOf(xhr, limit));
      xhr.send(chosen);
    },
    [action, limit, navigate, stop],
  );

  const cancel = useCallback(() => {
    request.current?.abort();
    stop("");
  }, [stop]);

  const percent = file && file.size ? Math.floor((sent / file.size) * 100) : 0;
  return (
    <div className="stack">
      {!file && (
        <div
          className={isActive ? "dropzone dropzone--active" : "dropzone"}
          onDragEnter={() => setActive(true)}
          onDragLeave={(event) => {
            if (!event.currentTarget.contains(event.relatedTarget)) setActive(false);
          }}
          onDragOver={(event) => event.preventDefault()}
          onDrop={(event) => {
            event.preventDefault();
            setActive(false);
            send(event.dataTransfer.files[0]);
          }}
        >
          <p className="dropzone__title">Drop a file here, or choose one</p>
          <p>{hint}</p>
          <input
            ref={input}
            type="file"
            aria-label="File"
            accept={accept}
            className="dropzone__input"
            onChange={(event) => send(event.target.files[0])}
          />
        </div>
      )}
      {file && (
        <div className="file-row">
          <div>
            <p className="file-row__name" title={file.name}>
              {file.name}
            </p>
            <p className="file-row__detail" role="status">
              {percent < 100
                ? `${sizeOf(sent)} of ${sizeOf(file.size)}`
                : "Received; looking into it…"}
            </p>
          </div>
          <button type="button" className="button button--ghost" onClick={cancel}>
            Cancel
          </button>
          <div className="file-row__progress">
            <div
              role="progressbar"
              aria-label="Upload progress"
              aria-valuenow={percent}
              aria-valuemin={0}
              aria-valuemax={100}
              className="progress progress--accent"
            >
              <div className="progress__bar" style={{ width: `${percent}%` }} />
            </div>
          </div>
        </div>
      )}
      {problem && (
        <div className="banner banner--danger" role="alert">
          <p className="banner__text">{problem}</p>
        </div>
      )}
    </div>
  );
}

// Comforts. Every page does its work without this file.
"use strict";

// Deadlines count down from what the server said was left, so a wrong clock here does no harm.
function countDown() {
  const shown = [...document.querySelectorAll("[data-countdown]")];
  if (shown.length === 0) return;
  const opened = performance.now();
  const spell = (s) => {
    if (s <= 0) return "over";
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
    if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min ${s % 60} s`;
    return `${Math.floor(s / 86400)} d ${Math.floor(s / 3600) % 24} h`;
  };
  setInterval(() => {
    const passed = Math.floor((performance.now() - opened) / 1000);
    for (const element of shown) {
      element.textContent = spell(Number(element.dataset.countdown) - passed);
    }
  }, 1000);
}

// A changed answer is saved by itself, when the field is left or the typing pauses: a crash before the
// button loses nothing.
function keepDrafts(form) {
  const status = form.querySelector("[data-testid=draft-status]");
  let pending = 0;
  const count = (more) => {
    pending += more;
    status.dataset.pending = pending;
  };
  // One after the other: the last value of a field is the one that stays, and a first draft, which
  // begins the session, has brought its cookie before the next request leaves.
  let sent = Promise.resolve();
  // The session ended: the next page is to say so before it saves anything.
  const askToBeToldOfTheEnd = () => {
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name: "go", value: "ended" });
    form.append(field);
  };
  const send = async (answer) => {
    try {
      const signal = AbortSignal.timeout(3000);
      const headers = { "X-Form-Token": form.elements.form_token.value };
      const reply = await fetch(form.dataset.draft, { method: "POST", headers, body: answer, signal });
      status.textContent = reply.ok ? "Saved." : "Not saved yet: continue to save this step.";
      if (reply.status === 409) askToBeToldOfTheEnd();
    } catch {
      status.textContent = "Not saved yet: the server does not answer. Your text is still here.";
    }
    count(-1);
  };
  // What was put on its way last, by name: leaving a field after a pause sends nothing twice.
  const known = new Map();
  let pause = 0;
  const keep = (field) => {
    if (!field.name || field.type === "submit") return;
    const unticked = field.type === "checkbox" && !field.checked;
    const value = unticked ? "" : field.value;
    if (known.get(field.name) === value) return;
    known.set(field.name, value);
    const answer = new URLSearchParams([[field.name, value]]);
    if (form.querySelector("[name=go][value=anew]")) answer.append("go", "anew");
    count(1);
    sent = sent.then(() => send(answer));
  };
  form.addEventListener("change", (event) => keep(event.target));
  form.addEventListener("input", (event) => {
    clearTimeout(pause);
    pause = setTimeout(() => keep(event.target), 700);
  });
  form.addEventListener("submit", async (event) => {
    clearTimeout(pause);
    if (pending === 0) return;
    event.preventDefault();
    const { submitter } = event;
    await sent;
    form.requestSubmit(submitter);
  });
}

// The signature: strokes of points in a hidden field, `x-y_x-y*x-y_x-y`.
function drawSignature(question) {
  const field = question.querySelector("input[type=hidden]");
  const canvas = question.querySelector("canvas");
  const brush = canvas.getContext("2d");
  const most = 4000;
  let strokes = field.value
    ? field.value.split("*").map((s) => s.split("_").map((p) => p.split("-").map(Number)))
    : [];
  let drawing = false;

  const paint = () => {
    brush.clearRect(0, 0, canvas.width, canvas.height);
    brush.strokeStyle = getComputedStyle(canvas).color;
    brush.lineWidth = 3;
    brush.lineCap = brush.lineJoin = "round";
    for (const stroke of strokes) {
      brush.beginPath();
      stroke.forEach(([x, y], at) => (at === 0 ? brush.moveTo(x, y) : brush.lineTo(x, y)));
      if (stroke.length === 1) brush.lineTo(stroke[0][0] + 0.1, stroke[0][1]);
      brush.stroke();
    }
  };
  const written = () => strokes.map((s) => s.map((p) => p.join("-")).join("_")).join("*");
  const keep = () => {
    field.value = written();
    field.dispatchEvent(new Event("change", { bubbles: true }));
  };
  const point = (event) => {
    const box = canvas.getBoundingClientRect();
    const within = (value, end) => Math.max(0, Math.min(end, Math.round(value)));
    return [
      within(((event.clientX - box.left) * canvas.width) / box.width, canvas.width),
      within(((event.clientY - box.top) * canvas.height) / box.height, canvas.height),
    ];
  };

  canvas.addEventListener("pointerdown", (event) => {
    drawing = true;
    canvas.setPointerCapture(event.pointerId);
    strokes.push([point(event)]);
    paint();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!drawing) return;
    const stroke = strokes[strokes.length - 1];
    const [x, y] = point(event);
    const [lastX, lastY] = stroke[stroke.length - 1];
    // Points closer than this add length, not likeness.
    if (Math.hypot(x - lastX, y - lastY) < 4 || written().length > most - 10) return;
    stroke.push([x, y]);
    paint();
  });
  const lift = () => {
    if (!drawing) return;
    drawing = false;
    keep();
  };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  question.querySelector("[data-testid=signature-clear]").addEventListener("click", () => {
    strokes = [];
    paint();
    keep();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);

  question.hidden = false;
  paint();
}

// A form that takes a while says so; the button stays in place and stays focused.
function showBusy(form) {
  form.addEventListener("submit", (event) => {
    const button = form.querySelector("button");
    if (button.getAttribute("aria-disabled") === "true") return event.preventDefault();
    button.setAttribute("aria-disabled", "true");
    button.textContent = form.dataset.busy;
    form.querySelector("[role=status]").textContent = form.dataset.busy;
  });
}

// The operator's numbers, kept up to date as long as somebody looks at them.
function watchPlaces(card) {
  const state = card.querySelector("[role=status]");
  const tell = (text) => {
    // Only what is new is read out.
    if (state.textContent !== text) state.textContent = text;
  };
  const show = (picture) => {
    for (const shown of document.querySelectorAll("[data-number]")) {
      shown.textContent = picture[shown.dataset.number];
    }
    card.querySelector("[data-number=lost]").dataset.good = picture.lost === 0;
    for (const bar of picture.bars) {
      const row = card.querySelector(`[data-place="${bar.name}"]`);
      row.dataset.primary = bar.is_primary;
      row.querySelector("[data-begin]").hidden = !bar.is_primary;
      row.querySelector("[data-count]").textContent = bar.sessions;
      row.querySelector(".fill").setAttribute("width", `${bar.percent}%`);
      const choice = document.getElementById(`to-${bar.name}`);
      if (choice) choice.disabled = bar.is_primary;
    }
    card.querySelector("[data-testid=stayed]").hidden = picture.stayed === 0;
    const rest = document.getElementById("rest");
    // Whoever stands on the button keeps it.
    if (rest && !rest.contains(document.activeElement)) rest.hidden = picture.to_bring === 0;
    tell(picture.is_moving ? "changing places" : picture.is_bringing ? "bringing the rest" : "at rest");
  };
  const look = async () => {
    try {
      const reply = await fetch(card.dataset.picture, { signal: AbortSignal.timeout(5000) });
      if (!reply.ok) throw new Error(reply.status);
      show(await reply.json());
    } catch {
      tell("the server does not answer");
    }
  };
  const watch = async () => {
    if (!document.hidden) await look();
    setTimeout(watch, 1000);
  };
  card.querySelector("[data-without-script]").hidden = true;
  watch();
}

countDown();
document.querySelectorAll("[data-picture]").forEach(watchPlaces);
document.querySelectorAll("form[data-draft]").forEach(keepDrafts);
document.querySelectorAll(".strokes").forEach(drawSignature);
document.querySelectorAll("form[data-busy]").forEach(showBusy);
// A summary of errors is the first thing to be read.
document.querySelector(".summary")?.focus();

/* Switchboard's form for any site. Put this where the form should be:
 *   <script src="https://YOUR-SWITCHBOARD/widget.js" data-form="f_…" defer></script>
 * or, around a form of your own whose fields have the names you set:
 *   <form data-switchboard-form="f_…"> … </form>  with the script anywhere.
 * No cookies, nothing stored, nothing tracked. */
(() => {
  "use strict";
  const script = document.currentScript;
  if (!script) return;
  const origin = new URL(script.src).origin;
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children);
    return element;
  };
  const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");

  const style = `
    :host{display:block;font:inherit;color:inherit}
    form{display:grid;gap:1rem;max-width:32rem}
    h2{font-size:1.25em;margin:0}
    label{display:grid;gap:.35rem;font-weight:600}
    .optional{font-weight:400;opacity:.75}
    input,textarea{font:inherit;font-weight:400;color:inherit;background:transparent;border:1px solid;
      border-radius:.4rem;padding:.55rem .7rem;inline-size:100%;box-sizing:border-box}
    textarea{min-block-size:7rem;resize:vertical}
    :focus-visible{outline:3px solid Highlight;outline-offset:2px}
    [aria-invalid=true]{border-color:#c62828;border-width:2px}
    .fault{color:#c62828;font-weight:400}
    button{font:inherit;font-weight:600;padding:.65rem 1.2rem;border-radius:.4rem;border:1px solid;cursor:pointer;
      background:ButtonText;color:ButtonFace;justify-self:start;min-block-size:44px}
    button[disabled]{opacity:.6;cursor:default}
    .trap{position:absolute;inline-size:1px;block-size:1px;overflow:hidden;clip-path:inset(50%)}
    @media (prefers-color-scheme:dark){.fault{color:#ff8a80}[aria-invalid=true]{border-color:#ff8a80}}`;
  const inputs = {
    text: { type: "text" },
    name: { type: "text", autocomplete: "name" },
    phone: { type: "tel", autocomplete: "tel" },
    mail: { type: "email", autocomplete: "email" },
  };

  /* One form, ours or the site's: sends it, shows what is wrong beside the field, says thank you. */
  const run = (form, key, root) => {
    const status = make("p", { role: "status", tabindex: "-1" });
    const trap = make("div", { class: "trap", "aria-hidden": "true" },
      make("input", { name: "_website", tabindex: "-1", autocomplete: "off" }));
    if (root === document) trap.style.cssText = "position:absolute;inline-size:1px;block-size:1px;overflow:hidden;clip-path:inset(50%)";
    form.append(trap, status);
    form.noValidate = true;
    let draft = newKey();
    let busy = false;

    const clear = () => {
      form.querySelectorAll("[data-switchboard-fault]").forEach((fault) => fault.remove());
      form.querySelectorAll("[aria-invalid]").forEach((input) => {
        input.removeAttribute("aria-invalid");
        input.removeAttribute("aria-describedby");
      });
      status.textContent = "";
    };
    const show = (faults) => {
      let first;
      for (const { field, message } of faults) {
        const input = form.elements.namedItem(field);
        if (!(input instanceof HTMLElement)) continue;
        const id = `switchboard-${key}-${field}`;
        input.setAttribute("aria-invalid", "true");
        input.setAttribute("aria-describedby", id);
        input.after(make("span", { id, class: "fault", "data-switchboard-fault": true }, message));
        first ??= input;
      }
      first?.focus();
      return first !== undefined;
    };
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (busy) return;
      busy = true;
      clear();
      const button = form.querySelector("button:not([type=button]),input[type=submit]");
      if (button) button.disabled = true;
      const answers = { _key: draft };
      for (const [name, value] of new FormData(form)) if (typeof value === "string") answers[name] = value;
      try {
        const answer = await fetch(`${origin}/forms/${key}`, {
          method: "POST",
          headers: { "content-type": "application/json", accept: "application/json" },
          body: JSON.stringify(answers),
          credentials: "omit",
          referrerPolicy: "origin",
        });
        const body = await answer.json().catch(() => ({}));
        if (answer.ok) {
          form.reset();
          draft = newKey();
          status.textContent = body.message || "Thank you.";
          status.focus();
        } else if (answer.status === 429) {
          status.textContent = "This was sent too often. Please wait a minute and try again.";
        } else if (!show(body.errors || [])) {
          status.textContent = "This could not be sent. Please try again, or call us.";
        }
      } catch {
        status.textContent = "There is no connection right now. What you wrote is still here; please try again.";
      } finally {
        busy = false;
        if (button) button.disabled = false;
      }
    });
  };

  const draw = async (key, host) => {
    const root = host.attachShadow({ mode: "open" });
    const answer = await fetch(`${origin}/forms/${key}`, { credentials: "omit" });
    if (!answer.ok) return;
    const { title, fields } = await answer.json();
    const heading = make("h2", { id: "title" }, title);
    const form = make("form", { "aria-labelledby": "title" }, heading);
    for (const { name, label, kind, required } of fields) {
      const input = kind === "long"
        ? make("textarea", { name, required, "aria-required": required ? "true" : undefined })
        : make("input", { ...inputs[kind], name, required, "aria-required": required ? "true" : undefined });
      const caption = make("span", {}, label);
      if (!required) caption.append(make("span", { class: "optional" }, " (optional)"));
      form.append(make("label", {}, caption, input));
    }
    form.append(make("button", { type: "submit" }, "Send"));
    root.append(make("style", {}, style), form);
    run(form, key, root);
  };

  const start = () => {
    document.querySelectorAll("form[data-switchboard-form]").forEach((form) => run(form, form.dataset.switchboardForm, document));
    const key = script.dataset.form;
    if (!key) return;
    const host = make("div", { class: "switchboard-form" });
    script.after(host);
    draw(key, host).catch(() => host.remove());
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start, { once: true });
  else start();
})();

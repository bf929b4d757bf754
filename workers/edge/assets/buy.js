// The summary of /buy as one types. Without this script the page's own button asks for it.
"use strict";

(() => {
  const PAUSE_MS = 250;
  const form = document.getElementById("buy");
  const fields = { credits: form.elements.credits, amount: form.elements.amount };
  const summary = document.getElementById("summary");
  const ways = document.getElementById("ways");
  const quote = document.getElementById("quote");
  let waiting;
  let asked = 0;

  // The last answer alone counts, whichever comes first.
  async function ask() {
    const mine = ++asked;
    const query = new URLSearchParams({
      service: form.elements.service.value,
      credits: fields.credits.value,
      amount: fields.amount.value,
    });
    try {
      const answer = await fetch(`/buy/quote?${query}`, { redirect: "error", headers: { accept: "application/json" } });
      if (answer.ok && mine === asked) {
        show(await answer.json());
      }
    } catch {
      // Nothing follows then; the button still does.
      quote.hidden = false;
    }
  }

  function show(answer) {
    for (const name of Object.keys(fields)) {
      mark(name, answer.wrong[name]);
    }
    summary.hidden = ways.hidden = !answer.summary;
    if (!answer.summary) {
      return;
    }
    for (const [name, text] of Object.entries(answer.summary)) {
      for (const place of summary.querySelectorAll(`[data-quote="${name}"]`)) {
        place.textContent = text ?? "";
        place.closest(".row").hidden = text === null;
      }
    }
    form.elements.shown.value = answer.summary.shown;
    for (const [way, text] of Object.entries(answer.ways)) {
      document.getElementById(`pay-${way}`).textContent = text;
    }
  }

  // What is wrong with a field is said beside it, as the server's page would.
  function mark(name, text) {
    const field = fields[name];
    const place = document.getElementById(`${name}-follows`);
    document.getElementById(`${name}-wrong`)?.remove();
    place.textContent = text ?? "";
    place.hidden = !text;
    field.toggleAttribute("aria-invalid", Boolean(text));
    if (text) {
      field.setAttribute("aria-invalid", "true");
    }
    const described = [`${name}-hint`, text ? `${name}-follows` : ""].filter((id) => document.getElementById(id));
    field.setAttribute("aria-describedby", described.join(" "));
  }

  // One of the two counts: that in which one types. What is empty has no summary.
  function typed(event) {
    const [mine, other] = event.target === fields.amount ? ["amount", "credits"] : ["credits", "amount"];
    if (event.target !== form.elements.service) {
      fields[other].value = "";
    }
    clearTimeout(waiting);
    // What a button says is true, or it is not there.
    asked += 1;
    summary.hidden = ways.hidden = true;
    if (fields.credits.value.trim() || fields.amount.value.trim()) {
      waiting = setTimeout(ask, PAUSE_MS);
    } else {
      mark(mine);
      mark(other);
    }
  }

  // Enter asks for the summary, as the page's first button does; which button comes first where that is not shown is up to
  // the browser, and the next one pays.
  function entered(event) {
    if (event.key === "Enter" && event.target.matches("input") && quote.hidden) {
      event.preventDefault();
      clearTimeout(waiting);
      if (fields.credits.value.trim() || fields.amount.value.trim()) {
        ask();
      }
    }
  }

  for (const field of [fields.credits, fields.amount, form.elements.service]) {
    field.addEventListener("input", typed);
  }
  form.addEventListener("keydown", entered);
  quote.hidden = true;
})();

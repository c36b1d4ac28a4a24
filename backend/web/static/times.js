// Times in the zone of the browser, with UTC beside them where a pointer rests.

// The page's language, in the way of the browser's country where that is the same language.
const LANGUAGE = document.documentElement.lang;
export const LOCALE = navigator.language.startsWith(LANGUAGE) ? navigator.language : LANGUAGE;

const FULL = new Intl.DateTimeFormat(LOCALE, {
  dateStyle: "medium",
  timeStyle: "medium",
});
const HOUR = new Intl.DateTimeFormat(LOCALE, { timeStyle: "medium" });

export function local(ms) {
  return FULL.format(ms);
}

export function utc(ms) {
  return `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

// <time data-exact> shows the time itself, <time data-exact="hour"> that of the day; others keep
// their words, such as "5 min ago".
export function showLocal(root = document) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const ms = Date.parse(element.dateTime);
    if (Number.isNaN(ms)) continue;
    const exact = element.dataset.exact;
    if (exact !== undefined) {
      element.textContent = exact === "hour" ? HOUR.format(ms) : local(ms);
      element.title = utc(ms);
    } else {
      element.title = `${local(ms)} (${utc(ms)})`;
    }
  }
}

// A datetime-local field holds the browser's own time; these go from and to epoch milliseconds.
export function toField(ms) {
  const at = new Date(ms);
  const two = (number) => String(number).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day}T${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

export function fromField(text) {
  return new Date(text).getTime();
}

// A form whose fields of time show their data-ms in the browser's zone; sent is the moment, whatever
// the zone.
export function localFields(form) {
  const fields = [...form.elements].filter((one) => one.type === "datetime-local");
  for (const field of fields) if (field.dataset.ms) field.value = toField(Number(field.dataset.ms));
  form.addEventListener("formdata", ({ formData }) => {
    for (const field of fields) {
      const ms = fromField(field.value);
      if (!Number.isNaN(ms)) formData.set(field.name, String(ms));
    }
  });
}

// Ticks of a time axis in milliseconds, at round times of the browser's own zone.

import { LOCALE } from "./times.js";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500,
  SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND,
  MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
  HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR,
  DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 61 * DAY, 91 * DAY, 182 * DAY, 365 * DAY, 730 * DAY, 1825 * DAY,
];
const APART = 110;

export function ticks(from, to, width) {
  const wanted = Math.max(Math.floor(width / APART), 2);
  const step = STEPS.find((one) => (to - from) / one <= wanted) ?? STEPS.at(-1);
  const found = step < DAY ? shorter(from, to, step) : days(from, to, Math.round(step / DAY));
  return { tickmode: "array", tickvals: found, ticktext: found.map((time, place) => words(time, found[place - 1], step)) };
}

// Aligned to the clock on the wall: the offset of the zone is looked up at each tick's own day.
function shorter(from, to, step) {
  const found = [];
  const offset = new Date(from).getTimezoneOffset() * MINUTE;
  for (let time = Math.ceil((from - offset) / step) * step + offset; time <= to; time += step) {
    const shift = new Date(time).getTimezoneOffset() * MINUTE - offset;
    found.push(time + (step > HOUR ? shift : 0));
  }
  return found;
}

function days(from, to, count) {
  const found = [];
  const day = new Date(from);
  day.setHours(0, 0, 0, 0);
  if (count >= 30) day.setDate(1);
  while (day.getTime() <= to) {
    if (day.getTime() >= from) found.push(day.getTime());
    if (count >= 365) day.setFullYear(day.getFullYear() + Math.round(count / 365), 0, 1);
    else if (count >= 30) day.setMonth(day.getMonth() + Math.round(count / 30), 1);
    else day.setDate(day.getDate() + count);
  }
  return found;
}

function words(time, before, step) {
  const at = new Date(time);
  const day = at.toLocaleDateString(LOCALE, { month: "short", day: "numeric", year: step >= 91 * DAY ? "numeric" : undefined });
  if (step >= DAY) return day;
  const clock = at.toLocaleTimeString(LOCALE, {
    hour: "2-digit",
    minute: "2-digit",
    second: step < MINUTE ? "2-digit" : undefined,
    fractionalSecondDigits: step < SECOND ? 3 : undefined,
    hourCycle: "h23",
  });
  const isNewDay = before === undefined || new Date(before).getDate() !== at.getDate();
  return isNewDay ? `${clock}<br>${day}` : clock;
}

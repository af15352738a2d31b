/** A time of ISO 8601 as people read it, in the zone of this process: `2026-11-30 07:12:03 +01:00`. */
export function localTime(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  const offset = -date.getTimezoneOffset();
  const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, 19).replace("T", " ");
  const minutes = Math.abs(offset);
  const zone = [Math.trunc(minutes / 60), minutes % 60]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
  return `${local} ${offset < 0 ? "-" : "+"}${zone}`;
}

/** A request line that Node does not like. None of it is about where a message ends. */
const REQUEST_LINES =
  /^(Invalid method encountered|Invalid char in url|Unexpected char in url|Header overflow|Expected space after method|Expected HTTP\/)/;
const STATUS_LINES = /^(Invalid (response )?status|Expected HTTP\/|Invalid HTTP version)/i;
const IN_SIZE = "Invalid character in chunk size";
/** Node takes no blank there; others, who kept room for a longer number, send some. */
const BLANK_BEHIND_SIZE = /(^|\n)[\dA-Fa-f]+[\t ]+\r\n/;

/** Whether Node may refuse what is passed on. Everything else is understood alike or is a finding. */
export function mayRefuse(refusal: string, passed: string): boolean {
  if (refusal === IN_SIZE) return BLANK_BEHIND_SIZE.test(passed);
  return REQUEST_LINES.test(refusal) || STATUS_LINES.test(refusal);
}

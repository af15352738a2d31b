/** A port that nobody listens on at 127.0.0.1 at this moment, and that no connection of another test takes. */
export { choosePort as freePort } from "#src/process/port.js";

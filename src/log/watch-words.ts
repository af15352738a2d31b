import type { WatchEvent } from "../events.ts";
import { detail, info, warn, type Words } from "./line.ts";

export const WATCH_WORDS: Words<WatchEvent> = {
  watching: ({ by, reason }) =>
    detail(by === "events" ? "watching by file system events" : `watching by polling (${reason})`),
  "watch-failed": ({ message }) => warn(`file system events failed, polling goes on: ${message}`),
  "look-failed": ({ message }) => warn(`could not look for a newer release: ${message}`),
  "pointer-refused": ({ code, message }) => warn(`${code}: ${message} The current release stays.`),
  "drops-left-alone": ({ names }) =>
    warn(
      `this site was copied or restored here: ${names.join(", ")} in _target ${names.length === 1 ? "is" : "are"} left alone until changed`,
    ),
  "drop-refused": ({ name, reason }) => warn(`${JSON.stringify(name)} in _target is not taken: ${reason}`),
  "drop-waiting": ({ artifact, reason }) =>
    info(
      `${artifact} is not whole yet: ${reason === "still-changing" ? "it still changes" : "a program still writes it"}`,
    ),
  "drop-reading": ({ artifact, bytes }) => info(`reading ${artifact} before it is taken (${bytes} bytes)`),
  "artifact-adopted": ({ artifact, bytes, ms }) =>
    info(`adopted ${artifact} (${bytes} bytes, hashed in ${ms} ms)`),
  "adoption-unrecorded": ({ artifact, message }) =>
    warn(`${artifact} is adopted, but history does not tell it: ${message}`),
  "archive-unpacked": ({ archive, artifact, files, bytes, ms }) =>
    info(`unpacked ${archive} into ${artifact} (${files} files, ${bytes} bytes, in ${ms} ms)`),
  storm: () => info("many releases within seconds: takes the newest once they cease, in 5 s at the latest"),
  "turn-waiting": ({ host, pid }) => info(`waiting for another instance to be back: pid ${pid} on ${host}`),
  "turn-wait-ended": ({ waitedMs, end }) => info(`waited ${waitedMs} ms for this instance's turn: ${end}`),
  "turn-failed": ({ message }) => warn(`could not take turns with other instances: ${message}`),
  "release-skipped": ({ artifact }) => warn(`${artifact} is marked failed and not taken`),
  "release-found": ({ artifact, previous, cause }) =>
    info(cause === "replaced" ? `${artifact} was replaced` : `${previous ?? "nothing"} -> ${artifact}`),
};

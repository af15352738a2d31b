import { InplaceError } from "../errors.ts";
import type { EventSink, InplaceEvent } from "../events.ts";
import { takeInheritedSockets, type SocketPlace as Inherited } from "../runtime/inherited-sockets.ts";
import { systemdNotifier, type SystemdNotifier } from "../runtime/systemd-notify.ts";
import type { SocketPlace } from "../supervisor/held-socket.ts";

/** The socket that systemd opened for this process; undefined when it opened none. Throws USAGE for several. */
export function socketOfSystemd(): SocketPlace | undefined {
  const sockets = takeInheritedSockets();
  const [first, ...more] = sockets;
  if (first === undefined) return undefined;
  if (more.length > 0 || first.place.kind !== "tcp") {
    throw new InplaceError(
      "USAGE",
      `inplace-deploy supervise holds one TCP socket; systemd gave ${sockets.map(name).join(", ")}.`,
      {
        hint: "Name one --port in inplace-deploy init --systemd --supervise.",
      },
    );
  }
  return { host: first.place.address, port: first.place.port, descriptor: first.fd };
}

/** Passes events on and tells systemd of those that it waits for. */
export function tellingSystemd(emit: EventSink, notifier: SystemdNotifier = systemdNotifier()): EventSink {
  return (event) => {
    tell(notifier, event);
    emit(event);
  };
}

function tell(notifier: SystemdNotifier, event: InplaceEvent): void {
  if (event.type === "release-switched") notifier.ready(`serving ${event.artifact}`);
  if (event.type === "supervisor-stopping") notifier.stopping(`draining (${event.reason})`);
}

function name({ name: text, place }: { readonly name: string; readonly place: Inherited }): string {
  return place.kind === "tcp" ? `${text}=${place.address}:${place.port}` : text;
}

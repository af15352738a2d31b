import {
  normalizeUnits,
  STOP_MARGIN_SECONDS,
  DEFAULT_START_SECONDS,
  type UnitOptions,
  type Units,
} from "./options.ts";
import { plainPath, quoteArgument, quoteAssignment, quotePath } from "./quote.ts";

export interface UnitFile {
  /** File name. */
  readonly name: string;
  readonly content: string;
}

/** The socket units, one for each name, and the service that they start. Throws USAGE or SITE_NAME_INVALID. */
export function systemdUnits(options: UnitOptions): readonly UnitFile[] {
  const units = normalizeUnits(options);
  const names = [...new Set(units.listen.map(({ name }) => name))];
  const sockets = names.map((name, index) => ({
    name: index === 0 ? `${units.site}.socket` : `${units.site}-${name}.socket`,
    content: socketUnit(units, name),
  }));
  const service = serviceUnit(
    units,
    sockets.map(({ name }) => name),
  );
  return [...sockets, { name: `${units.site}.service`, content: service }];
}

function socketUnit(units: Units, name: string): string {
  const listen = units.listen.filter((each) => each.name === name);
  return lines(
    "[Unit]",
    `Description=${units.site}: sockets of the site (${name})`,
    "",
    "[Socket]",
    ...listen.map(({ stream }) => `ListenStream=${plainPath(stream)}`),
    "# A bare port takes IPv4 and IPv6 alike, whatever net.ipv6.bindv6only says.",
    "BindIPv6Only=both",
    `FileDescriptorName=${name}`,
    `Service=${units.site}.service`,
    "# Connections wait here while one release ends and the next starts; the kernel's net.core.somaxconn bounds it.",
    "Backlog=4096",
    ...(listen.some(({ port }) => port !== undefined) ? TCP_ONLY : []),
    "# Each deploy is a start. A limit that is hit closes the port for good, so there is none.",
    "TriggerLimitIntervalSec=0",
    "",
    "[Install]",
    "WantedBy=sockets.target",
  );
}

const TCP_ONLY = [
  "NoDelay=yes",
  "# A connection comes to the app with its first bytes: one that has sent none when a release ends waits for the next.",
  "DeferAcceptSec=5",
];

function serviceUnit(units: Units, sockets: readonly string[]): string {
  return lines(
    "[Unit]",
    `Description=${units.site}: the newest artifact of the site`,
    "After=network.target",
    "# By default five starts in ten seconds are the last ones; see RestartSec for what stops a crash loop from spinning.",
    "StartLimitIntervalSec=0",
    "",
    "[Service]",
    ...(units.notify
      ? [
          "# READY=1, STATUS= and STOPPING=1 come from systemd-notify, started by the app under the launcher.",
          "Type=notify",
          "NotifyAccess=all",
          `TimeoutStartSec=${DEFAULT_START_SECONDS}`,
        ]
      : ["Type=exec"]),
    ...(units.watchdogSeconds === 0 ? [] : [`WatchdogSec=${units.watchdogSeconds}`]),
    `Sockets=${sockets.join(" ")}`,
    `WorkingDirectory=${plainPath(units.root)}`,
    `Environment=${environment(units).join(" ")}`,
    `ExecStart=${units.command.map(quoteArgument).join(" ")}`,
    "# Exit 0 after a drain is an end, not a failure: the next connection starts the newest artifact at once.",
    "# 7: drained, but connections had to be cut at the deadline.",
    "# 143: ended by SIGTERM, as a program says it that catches the signal.",
    "SuccessExitStatus=7 143",
    "Restart=on-failure",
    "RestartSec=1",
    "# SIGTERM goes to the launcher, which hands it on once; the drain gets its time before SIGKILL.",
    "KillMode=mixed",
    `TimeoutStopSec=${units.drainSeconds + STOP_MARGIN_SECONDS}`,
    "",
    ...(units.manager === "system" ? systemHardening(units) : []),
    ...HARDENING,
    ...(units.manager === "system" ? [] : ["", "[Install]", "WantedBy=default.target"]),
  );
}

/** What a manager without privileges can do as well. */
const HARDENING = [
  "NoNewPrivileges=yes",
  "LockPersonality=yes",
  "RestrictRealtime=yes",
  "RestrictSUIDSGID=yes",
  "RestrictNamespaces=yes",
  "# AF_NETLINK: os.networkInterfaces() asks the kernel through it.",
  "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
  "SystemCallArchitectures=native",
  "SystemCallFilter=@system-service",
  "SystemCallErrorNumber=EPERM",
  "UMask=0027",
  "# MemoryDenyWriteExecute= is missing on purpose: V8 compiles to memory.",
];

function systemHardening(units: Units): string[] {
  return [
    `User=${units.account ?? ""}`,
    "CapabilityBoundingSet=",
    "AmbientCapabilities=",
    "ProtectSystem=strict",
    "# The watcher adopts manual drops and keeps its notes in .inplace.",
    `ReadWritePaths=${quotePath(units.root)}`,
    "ProtectHome=read-only",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "ProtectClock=yes",
    "ProtectControlGroups=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "ProtectProc=invisible",
    "RemoveIPC=yes",
  ];
}

function environment(units: Units): string[] {
  const port = units.listen[0]?.port;
  const path = units.listen[0]?.stream ?? "";
  const value = port === undefined ? path : String(port);
  return [
    quoteAssignment("PORT", value),
    quoteAssignment("HTTP_PLATFORM_PORT", value),
    quoteAssignment("INPLACE_SITE_ROOT", units.root),
    quoteAssignment("INPLACE_DRAIN_MS", String(units.drainSeconds * 1000)),
    ...(units.nodeFolder === undefined
      ? []
      : [quoteAssignment("PATH", `${units.nodeFolder}:/usr/local/bin:/usr/bin:/bin`)]),
  ];
}

function lines(...text: readonly string[]): string {
  return `${text.join("\n")}\n`;
}

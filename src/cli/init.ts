import { initAppHere } from "./init-app.ts";
import { initGitHook, type GitHookFlags } from "./init-git-hook.ts";
import { collect, initSystemd, seconds, type SystemdFlags } from "./init-systemd.ts";
import type { DefineVerb } from "./verb.ts";

interface InitFlags extends SystemdFlags, GitHookFlags {
  readonly systemd?: boolean;
  readonly gitHook?: boolean;
  readonly check?: boolean;
}

export const defineInit: DefineVerb = (program, run) => {
  program
    .command("init")
    .description("in an app: write what it needs to be deployed; with a flag: what a host needs")
    .option("--git-hook", "in a bare repository: deploy what is pushed")
    .option("--branch <name>", "the branch that goes live (default: the one that HEAD names)")
    .option(
      "--source <folder>",
      "of what is pushed, the folder that is the site's (default: where the configuration is)",
    )
    .option("--systemd", "a socket and a service unit")
    .option("--port <[name=][address:]port>", "what systemd listens on; again for more", collect)
    .option("--run-as <account>", "who runs the site (default: the owner of its folder)")
    .option("--user", "units for systemctl --user")
    .option(
      "--supervise",
      "the service is inplace-deploy supervise (default, unless the rollout is recycle or there are several sockets)",
    )
    .option(
      "--no-supervise",
      "the service is the launcher; one slow request then holds the queue for everybody",
    )
    .option("--no-notify", "for artifacts that do not tell systemd when they are ready")
    .option("--watchdog <time>", "restart an app that hangs for so long; 0: never (default: 30)", seconds)
    .option("--drain <time>", "time for requests in flight (default: 30)", seconds)
    .option("--output <folder>", "where the units go (default: .inplace/systemd in the site)")
    .option("--force", "replace what differs")
    .option("--check", "in an app: build, start and ask it once, in a temporary site")
    .action((flags: InitFlags) =>
      run((context) => {
        if (flags.gitHook === true) return initGitHook(context, flags);
        if (flags.systemd === true) return initSystemd(context, flags);
        return initAppHere(context, { force: flags.force === true, check: flags.check === true });
      }),
    );
};

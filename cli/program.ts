/** The commands with their options, help and examples; what each does is in its own file. */
import { Argument, Command, Option } from "commander";
import { SETTABLE_LEVELS } from "../bus/contracts/supervisor.ts";
import { ALL_SECTIONS } from "../supervisor/children.ts";
import { configInputOf } from "../supervisor/plan/settings.ts";
import { addBond } from "./bond/bond-program.ts";
import { addCoinjoin } from "./coinjoin/coinjoin-program.ts";
import { logLevel, restart, stop } from "./commands/orders.ts";
import { status } from "./commands/status.ts";
import { boxSteps } from "./config/box-questions.ts";
import { configCommand } from "./config/config-command.ts";
import { addDirectory } from "./directory/directory-program.ts";
import { addEarn } from "./earn/earn-program.ts";
import { addElectrum } from "./electrum/electrum-program.ts";
import { addHistory } from "./history/history-program.ts";
import { indexRebuild } from "./index/rebuild-command.ts";
import { indexStatus } from "./index/status-command.ts";
import { indexVerify } from "./index/verify-command.ts";
import { commandName, requestOf, type Terminal } from "./terminal-io.ts";
import { addTumble } from "./tumble/tumble-program.ts";
import { addWallet } from "./wallet/wallet-program.ts";
import { addXmpp } from "./xmpp/xmpp-program.ts";

// What takes long to load is loaded by the command that needs it: `status` must not wait for a bus that it does not use.
const startCommand = () => import("./commands/start.ts");
const doctorCommand = () => import("./commands/doctor.ts");

const HELP_HINT = "(add --help to see how it is meant)";

/** `file`: this program, for a start in the background; `typed`: what it was called with. */
export function makeProgram(
  terminal: Terminal,
  file: string,
  typed: readonly string[],
  exitWith: (code: number) => void,
): Command {
  const program = new Command("supervisor");
  program
    .description("Troupe: Bitcoin made of actors. Starts them, watches them, and tells how they are.")
    .version(terminal.version)
    .exitOverride()
    .showHelpAfterError(HELP_HINT)
    .configureHelp({ sortSubcommands: false, showGlobalOptions: false })
    .addHelpText(
      "after",
      examples(
        ["supervisor start --sandbox", "everything on a private chain, on this machine only"],
        ["supervisor status", "the living tree of actors"],
        ["supervisor doctor", "is this machine ready?"],
      ),
    );
  addStart(program, terminal, file, typed, exitWith);
  addOrders(program, terminal, exitWith);
  addQuestions(program, terminal, exitWith);
  addIndex(program, terminal, exitWith);
  addElectrum(program, { terminal, exitWith, withPlace, withWallet, examples });
  addDirectory(program, { terminal, exitWith, withPlace, withWallet, examples });
  addEarn(program, { terminal, exitWith, withPlace, withWallet, examples });
  addCoinjoin(program, { terminal, exitWith, withPlace, withWallet, examples });
  addTumble(program, { terminal, exitWith, withPlace, withWallet, examples });
  addBond(program, { terminal, exitWith, withPlace, withWallet, examples });
  addHistory(program, { terminal, exitWith, withPlace, withWallet, examples });
  addWallet(program, { terminal, exitWith, withPlace, withWallet, examples });
  addXmpp(program, { terminal, exitWith, withPlace, withWallet, examples });
  addTap(program, terminal, exitWith);
  addBus(program, terminal, exitWith);
  addConfig(program, terminal);
  return program;
}

function addStart(
  program: Command,
  terminal: Terminal,
  file: string,
  typed: readonly string[],
  exitWith: (code: number) => void,
): void {
  withPlace(program.command("start"), true)
    .summary("start all actors, in the foreground unless --detach")
    .description(
      "Starts all actors and watches over them until it is told to stop. Ctrl-C stops them in reverse order; a second Ctrl-C ends all at once.",
    )
    .option("--only <actors>", "start only these, parted by commas", list)
    .option("--detach", "go on in the background; returns when all is ready")
    .option("--json", "print the tree as JSON when ready, nothing else")
    .addHelpText(
      "after",
      examples(
        ["supervisor start --sandbox", "try it: private chain, loopback, ~/.troupe-sandbox"],
        ["supervisor start --detach", "in the background"],
        ["supervisor start --set log.level=debug", "one key of the configuration, for this run"],
        ["supervisor start --only gateway", "nothing else on this host"],
      ),
    )
    .addOption(new Option("--in-background", "the background half of --detach").hideHelp())
    .action(async (options) => {
      const { detach: isDetached, inBackground, ...rest } = options;
      if (inBackground) exitWith(await (await startCommand()).startDetached(rest, terminal));
      else if (isDetached) {
        const { detach } = await import("./commands/detach.ts");
        exitWith(
          await detach(
            rest,
            terminal,
            file,
            typed.filter((word) => word !== "--detach"),
          ),
        );
      } else exitWith(await (await startCommand()).start(rest, terminal));
    });
}

function addOrders(program: Command, terminal: Terminal, exitWith: (code: number) => void): void {
  withPlace(program.command("stop"))
    .summary("stop all actors in reverse order")
    .description(
      "Stops all actors in reverse order of their start, and then the supervisor. Works when the bus is dead.",
    )
    .option("--force", "end them at once, in no order")
    .option("--json", "answer as JSON")
    .action(async (options) => exitWith(await stop(options, terminal)));
  withPlace(program.command("restart"))
    .argument("[actor]", "a name from `supervisor status`; none means the bus and all actors, one by one")
    .summary("stop an actor politely and start it again")
    .description("Stops an actor politely and starts it again; one that was given up is started at once.")
    .option("--json", "answer as JSON")
    .addHelpText(
      "after",
      examples(
        ["supervisor restart gateway", ""],
        ["supervisor restart", "the bus and all actors, one by one"],
      ),
    )
    .action(async (actor, options) => exitWith(await restart(actor, options, terminal)));
  withPlace(program.command("log-level"))
    .argument("<actor>", "a name from `supervisor status`")
    .addArgument(new Argument("<level>", "how much it writes").choices(SETTABLE_LEVELS))
    .summary("let an actor write more or less into its log")
    .description("Lets an actor write more or less into its log until it is started again.")
    .option("--json", "answer as JSON")
    .addHelpText("after", examples(["supervisor log-level maker debug", "while something is looked for"]))
    .action(async (actor, level, options) => exitWith(await logLevel(actor, level, options, terminal)));
}

function addQuestions(program: Command, terminal: Terminal, exitWith: (code: number) => void): void {
  withPlace(program.command("status"))
    .summary("show the tree of actors, live on a terminal")
    .description(
      "Shows every actor: state, since when, restarts, load, where it runs, its doors and its last error.",
    )
    .option("--once", "print it once and leave")
    .option("--json", "the tree as JSON, with every door's address")
    .addHelpText(
      "after",
      examples(
        ["supervisor status", "live; q leaves"],
        ["supervisor status --json | jq .ready", "for scripts"],
      ),
    )
    .action(async (options) => exitWith(await status(options, terminal)));
  withPlace(program.command("logs"))
    .argument("[actor]", "one actor's log; none means all, merged by time")
    .summary("read the logs of all actors as one")
    .description(
      "Prints the last log lines of one or all actors in the order of time, rotated files included.",
    )
    .option("-f, --follow", "go on as they are written, through rotation")
    .option("-n, --lines <number>", "how many lines to begin with", "50")
    .option("-l, --level <level>", "this level and above: debug, info, warn, error")
    .option("--json", "the lines as they are written")
    .addHelpText(
      "after",
      examples(["supervisor logs -f", ""], ["supervisor logs gateway -n 200 --level warn", ""]),
    )
    .action(async (actor, options) => {
      const { logs } = await import("./commands/logs.ts");
      exitWith(await logs(actor, options, terminal));
    });
  withPlace(program.command("doctor"), true)
    .summary("look what would go wrong on this host")
    .description(
      "Looks at everything that a start needs, and says what to do about what it finds. Changes nothing.",
    )
    .option("--json", "the findings as JSON")
    .addHelpText("after", "\nEnds with 1 when something has to be mended, else with 0.")
    .action(async (options) => exitWith(await (await doctorCommand()).doctor(options, terminal)));
}

function addIndex(program: Command, terminal: Terminal, exitWith: (code: number) => void): void {
  const index = program
    .command("index")
    .summary("look at the index of the chain, or build it anew")
    .description(
      "What the index of the chain is made of, whether it is right, and how to have it built again.",
    );
  withPlace(index.command("status"))
    .summary("height, size and runs")
    .description(
      "Shows the height of the index, whether it is level with the node, its size, format and runs.",
    )
    .option("--json", "answer as JSON")
    .action(async (options) => exitWith(await indexStatus(options, terminal)));
  withPlace(index.command("verify"))
    .summary("compare the index with the node's blocks")
    .description(
      "Makes the rows of blocks anew from the node's blocks and compares them with what is stored: headers, numbers of transactions, txids, and the rows of all tables. The indexer goes on working.",
    )
    .option("--all", "every block and every stored row; on a large chain this takes hours")
    .option("--sample <blocks>", "so many blocks drawn by chance, the newest among them (default: 100)")
    .option("--seed <number>", "draw the same sample again")
    .option("--json", "the result as JSON, and nothing while it lasts")
    .addHelpText(
      "after",
      `${examples(
        ["supervisor index verify", "a hundred blocks"],
        ["supervisor index verify --all", "everything"],
        ["supervisor index verify --sample 1000 --seed 7", "the same thousand each time"],
      )}\n\nEnds with 0 when all is sound, with 1 when something differs, and then says where and what to do.`,
    )
    .action(async (options) => exitWith(await indexVerify(options, terminal)));
  withPlace(index.command("rebuild"))
    .summary("take the index away and build it again from the node's blocks")
    .description(
      "Stops the indexer, takes its index away, starts it again and shows how far it is. All else goes on; until the index is level again wallets hear only of the blocks that it has by then. Without a running supervisor the next start does it.",
    )
    .option("--yes", "do not ask")
    .option("--keep", "move the old index aside instead of removing it; needs room for both")
    .option("--no-wait", "come back when the building has begun")
    .option("--json", "the result as JSON, and nothing while it lasts; needs --yes")
    .addHelpText(
      "after",
      `${examples(
        ["supervisor index rebuild", "asks before it does anything"],
        ["supervisor index rebuild --yes --no-wait", "for scripts"],
      )}\n\nEnds with 0 when the index is level with the node, or begun with --no-wait. Ctrl-C ends the watching, not the building.`,
    )
    .action(async (options) => exitWith(await indexRebuild(options, terminal)));
}

function addTap(program: Command, terminal: Terminal, exitWith: (code: number) => void): void {
  withPlace(program.command("tap"))
    .argument(
      "[pattern]",
      "subjects, with or without troupe.v1.; * is one token, > the rest. None: all events and states",
    )
    .summary("listen to the bus, read-only")
    .description(
      "Prints messages of the bus as they pass, decoded; what a contract marks as secret is not shown.",
    )
    .option("-c, --count <number>", "leave after so many messages")
    .option("--json", "one JSON object a line")
    .addHelpText(
      "after",
      examples(
        ["supervisor tap", "all that may be heard"],
        ["supervisor tap 'evt.supervisor.>'", "births and deaths"],
        ["supervisor tap 'state.*.*.tree' --count 1 --json", ""],
      ),
    )
    .action(async (pattern, options) => {
      const { tap } = await import("./commands/tap.ts");
      exitWith(await tap(pattern, options, terminal));
    });
}

function addBus(program: Command, terminal: Terminal, exitWith: (code: number) => void): void {
  const bus = program
    .command("bus")
    .summary("help with an external bus")
    .description("Help with a bus that others run.");
  withPlace(bus.command("print-nats-config"))
    .summary("print the configuration of a nats-server for our actors")
    .description(
      "Prints a configuration for nats-server with a user for every actor and exactly the rights that its contracts give it.",
    )
    .option("--credentials <directory>", "where the users' seeds are; default: [bus] credentials_directory")
    .option("--create", "make the directory and the seeds that are missing, mode 0600")
    .option("--listen <address>", "where the server is to listen", "127.0.0.1:4222")
    .option("--tls-cert <file>", "the server's certificate; needed off loopback")
    .option("--tls-key <file>", "the key of the certificate")
    .option(
      "--tls-ca <file>",
      "the authority whose clients are let in; without it clients need no certificate",
    )
    .option("--jetstream <directory>", "turn JetStream on, with its files there")
    .addHelpText(
      "after",
      examples(
        ["supervisor bus print-nats-config --credentials ~/.troupe/nats --create > troupe.conf", ""],
        ["nats-server --config troupe.conf", ""],
      ),
    )
    .action(async (options) => {
      const { printNatsConfig } = await import("./commands/nats-config.ts");
      exitWith(printNatsConfig(options, terminal));
    });
}

function addConfig(program: Command, terminal: Terminal): void {
  const { stdin, stdout } = terminal;
  const command = configCommand({
    sections: ALL_SECTIONS,
    inputOf: (given) => configInputOf(requestOf(given, terminal)),
    stdin,
    stdout,
    command: commandName(terminal),
    steps: boxSteps(),
    async describe(findings) {
      const { findingLines } = await doctorCommand();
      return findingLines(findings, terminal);
    },
  });
  for (const each of [command, ...command.commands]) each.exitOverride().showHelpAfterError(HELP_HINT);
  program.addCommand(
    command.addHelpText(
      "after",
      examples(
        ["supervisor config init", "a commented file to begin with"],
        ["supervisor config check", "every mistake with its line; starts nothing"],
        ["supervisor config print", "what counts now, and where each value comes from"],
      ),
    ),
  );
}

/** The options by which every command finds its data directory; `withSet` for those that read the configuration. */
function withPlace(command: Command, withSet = false): Command {
  command
    .option("--data <directory>", "the data directory (default: ~/.troupe)")
    .option("--sandbox", "the sandbox: a private chain in ~/.troupe-sandbox, everything on loopback")
    .option("--config <file>", "the configuration (default: troupe.toml in the data directory)");
  if (withSet)
    command.option(
      "--set <section.key=value>",
      "a value above the configuration's; may be repeated",
      collect,
    );
  return command.exitOverride().showHelpAfterError(HELP_HINT);
}

function withWallet(command: Command): Command {
  return withPlace(command)
    .option("-w, --wallet <name>", "which wallet; default: the only one, or the only one unlocked here")
    .option("--password-file <file>", "read the password from its first line; - is the pipe")
    .option("--json", "answer as JSON");
}

function collect(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value];
}

function list(text: string): string[] {
  return text.split(",").map((name) => name.trim());
}

function examples(...rows: readonly (readonly [command: string, meaning: string])[]): string {
  const width = Math.max(...rows.map(([command, meaning]) => (meaning === "" ? 0 : command.length)));
  const lines = rows.map(
    ([command, meaning]) => `  ${meaning === "" ? command : `${command.padEnd(width)}  ${meaning}`}`,
  );
  return `\nExamples:\n${lines.join("\n")}`;
}

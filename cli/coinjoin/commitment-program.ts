/** `supervisor coinjoin commitments …` with its options, help and examples. */
import type { Command } from "commander";
import type { ProgramTools } from "../program-tools.ts";

const work = () => import("./commitment-commands.ts");

export function addCommitmentCommands(
  coinjoin: Command,
  { terminal, exitWith, withWallet, examples }: ProgramTools,
): void {
  const group = coinjoin
    .command("commitments")
    .summary("coins of elsewhere that stand for coinjoins")
    .description(
      "Makers ask for proof of a coin of some age and worth before they show theirs, and each coin proves it three times. Where the wallet's own are too young or used up, a coin of elsewhere can stand for it: it is not spent, but makers who are asked see which it was.",
    );
  const of = (usage: string, summary: string) =>
    withWallet(group.command(usage))
      .summary(summary)
      .description(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`);

  of("list", "the coins, and how often each can stand for one").action(async (_, command: Command) =>
    exitWith(await (await work()).listCommitments(command.optsWithGlobals(), terminal)),
  );
  of("add", "let a coin of elsewhere stand for coinjoins")
    .argument(
      "[coins...]",
      "<txid>:<number>; the private key of one is asked for, of a wallet's coins only these are lent",
    )
    .option(
      "--keys-file <file>",
      "lines of <txid>:<number>,<private key>, or what JoinMarket's showutxos prints; - is the pipe",
    )
    .option(
      "--from-wallet <name>",
      "coins of another wallet that is here: neither frozen, nor set aside, nor bonds",
    )
    .option(
      "--from-file <file>",
      "coins of a wallet file of joinmarket-clientserver or joinmarket-ng; it is looked at once and not kept",
    )
    .option("--from-password-file <file>", "read the password of that wallet or file from its first line")
    .option("--passphrase", "ask for a BIP39 passphrase too, for files that do not say it")
    .option("--passphrase-file <file>", "read it from the first line of this file")
    .option("--check", "only look whether the coins hold: unspent, of this key, not used up; add nothing")
    .addHelpText(
      "after",
      examples(
        ["supervisor coinjoin commitments add --keys-file coins.csv", ""],
        ["supervisor coinjoin commitments add --from-wallet savings", "its password is asked for"],
        ["supervisor coinjoin commitments add --from-file ~/.joinmarket/wallets/old.jmdat --check", ""],
      ),
    )
    .action(async (coins, _, command: Command) =>
      exitWith(await (await work()).addCommitments(coins, command.optsWithGlobals(), terminal)),
    );
  of("import", "take over joinmarket-clientserver's commitments.json")
    .argument("<file>", "in cmtdata/ of its data directory; - is the pipe")
    .addHelpText(
      "after",
      examples([
        "supervisor coinjoin commitments import ~/.joinmarket/cmtdata/commitments.json",
        "also what was used there",
      ]),
    )
    .action(async (file, _, command: Command) =>
      exitWith(await (await work()).importCommitments(file, command.optsWithGlobals(), terminal)),
    );
  of("forget", "let coins of elsewhere stand for nothing any more")
    .argument("[coins...]", "as `supervisor coinjoin commitments list` names them")
    .option("--all", "all of them")
    .action(async (names, _, command: Command) =>
      exitWith(await (await work()).forgetCommitments(names, command.optsWithGlobals(), terminal)),
    );
}

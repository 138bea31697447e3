/** `supervisor wallet …` with its options, help and examples. What each does is loaded when it is called for. */
import type { Command } from "commander";
import { misuse } from "../errors.ts";
import type { ProgramTools } from "../program-tools.ts";
import { settingHelp } from "./setting-names.ts";

const files = () => import("./file-commands.ts");
const moving = () => import("./move-commands.ts");
const coins = () => import("./coin-commands.ts");
const spending = () => import("./spend-commands.ts");
const watching = () => import("./psbt/watch-commands.ts");
const psbts = () => import("./psbt/psbt-commands.ts");

/** One command of the group, with the options that all of them have. */
type Make = (usage: string, summary: string, description: string) => Command;

interface Group {
  /** About all wallets. */
  readonly make: Make;
  /** About one, by `--wallet`: its own words come first. */
  readonly of: Make;
  /** About one and nothing else: the wallet's name may stand there without `--wallet`. */
  readonly ofNamed: Make;
  /** About one that is to be made: it is asked for where it is not said. */
  readonly ofNew: Make;
}

export function addWallet(program: Command, tools: ProgramTools): void {
  const wallet = program
    .command("wallet")
    .summary("make and use JoinMarket wallets")
    .description(
      "Wallets as JoinMarket derives them. Their keys stay in walletd; a wallet is opened by its password and locked again when nobody has asked for a while.",
    );
  const group = groupOf(wallet, tools);
  addFiles(group, tools);
  addCoins(group, tools);
  addSpending(group, tools);
  addPsbt(wallet, tools);
  addMessages(group, tools);
}

function groupOf(group: Command, tools: ProgramTools): Group {
  const make: Make = (usage, summary, description) =>
    tools
      .withPlace(group.command(usage))
      .summary(summary)
      .description(description)
      .option("--password-file <file>", "read the password from its first line; - is the pipe")
      .option("--json", "answer as JSON");
  const of: Make = (usage, summary, description) =>
    make(usage, summary, description).option(
      "-w, --wallet <name>",
      "which wallet; default: the only one, or the only one unlocked here",
    );
  const ofNamed: Make = (usage, summary, description) =>
    named(of(usage, summary, description), "the same as --wallet");
  const ofNew: Make = (usage, summary, description) =>
    named(
      make(usage, summary, description).option("-w, --wallet <name>", "the same as the name alone"),
      "what it shall be called",
    );
  return { make, of, ofNamed, ofNew };
}

/** A name that stands alone means what it means behind `--wallet`. */
function named(command: Command, meaning: string): Command {
  return command.argument("[name]", meaning).hook("preAction", (_, called) => {
    const [name] = called.processedArgs as (string | undefined)[];
    const { wallet } = called.opts<{ wallet?: string }>();
    if (name === undefined) return;
    if (wallet !== undefined && wallet !== name)
      throw misuse(`Two wallets are named: ${name} and ${wallet}.`);
    called.setOptionValue("wallet", name);
  });
}

/** The passphrase that makes other keys of the same words. */
function withPassphrase(command: Command, meaning: string): Command {
  return command
    .option("--passphrase", `ask for ${meaning}`)
    .option("--passphrase-file <file>", "read it from the first line of this file");
}

const OTHERS_PASSPHRASE = "a BIP39 passphrase too, for joinmarket-ng's files and words, which do not say it";

function addFiles({ make, of, ofNamed, ofNew }: Group, { terminal, exitWith, examples }: ProgramTools): void {
  make(
    "list",
    "the wallets that are there",
    "Shows the wallet files, ours and others', and which are unlocked.",
  ).action(async (options) => exitWith(await (await files()).list(options, terminal)));
  const creation = ofNew(
    "create",
    "make a wallet from new words",
    "Makes a wallet from new words, shows them once, and leaves it unlocked.",
  );
  withPassphrase(creation, "a BIP39 passphrase too")
    .option("--words <number>", "12 or 24", "12")
    .option("--legacy", "nested SegWit (BIP49), as older JoinMarket wallets are")
    .option("--no-bonds", "without the branch for fidelity bonds")
    .option("--no-quiz", "do not ask for one of the words afterwards")
    .option(
      "--xpub <keys...>",
      "watch these accounts instead: xpub, zpub, ypub or a descriptor for each mixdepth",
    )
    .option("--xpub-file <file>", "the same, one on each line; - is the pipe")
    .option("--fingerprint <hex>", "of the root key, where the keys do not say it; hardware signers want it")
    .option("--gap <number>", "with --xpub: how many unused addresses in a row end the search")
    .addHelpText(
      "after",
      examples(
        ["supervisor wallet create savings", ""],
        ["supervisor wallet create hot --words 24 --password-file pw --json", "for scripts"],
        ["supervisor wallet create cold --xpub zpub6r…", "sees its coins and cannot spend them"],
      ),
    )
    .action(async (_, options) => {
      const isWatched = options.xpub !== undefined || options.xpubFile !== undefined;
      if (!isWatched && options.gap !== undefined) {
        throw misuse("New words have had no coins yet: --gap is for --xpub, and for `wallet recover`.");
      }
      const { watch } = await watching();
      const { create } = await files();
      exitWith(await (isWatched ? watch : create)(options, terminal));
    });
  const recovery = ofNew(
    "recover",
    "make a wallet from words that you have",
    "Makes a wallet from its words and looks up its coins in our own index, at any height and without a rescan.",
  );
  withPassphrase(recovery, "the BIP39 passphrase too")
    .option("--words-file <file>", "read the words from this file; - is the pipe")
    .option("--legacy", "nested SegWit (BIP49), as older JoinMarket wallets are")
    .option("--no-bonds", "without the branch for fidelity bonds")
    .option("--gap <number>", "how many unused addresses in a row end the search; the wallet keeps it")
    .option("--height <number>", "the block at which it was made; kept for other programs")
    .addHelpText("after", examples(["supervisor wallet recover savings --gap 100", ""]))
    .action(async (_, options) => exitWith(await (await files()).recover(options, terminal)));
  const unlocking = ofNamed(
    "unlock",
    "open a wallet",
    "Opens a wallet with its password. The commands after it do not ask again. Another program's file in the wallets folder becomes one of ours under the same password; the original is kept beside it.",
  );
  withPassphrase(unlocking, OTHERS_PASSPHRASE).action(async (_, options) =>
    exitWith(await (await files()).unlock(options, terminal)),
  );
  ofNamed(
    "lock",
    "close a wallet",
    "Closes a wallet: its keys leave memory, and whoever used it is cut off.",
  ).action(async (_, options) => exitWith(await (await files()).lock(options, terminal)));
  ofNamed("passwd", "change a wallet's password", "Puts the wallet under another password.")
    .option("--new-password-file <file>", "read the new password from its first line")
    .action(async (_, options) => exitWith(await (await files()).changePassword(options, terminal)));
  ofNamed(
    "xpub",
    "the public keys, for a wallet that only watches",
    "Shows the public key of each mixdepth as a descriptor. Whoever has it sees the coins, and can spend none.",
  ).action(async (_, options) => exitWith(await (await watching()).publicKeys(options, terminal)));
  ofNamed("seed", "show a wallet's words", "Shows the words, after the password was given again.").action(
    async (_, options) => exitWith(await (await files()).seed(options, terminal)),
  );
  of(
    "export",
    "write a wallet file for another program",
    "Writes the wallet in the form of another program, under the same password, and what that form has no place for as a file of labels beside it. Nothing is overwritten.",
  )
    .argument("<file>", "where to")
    .requiredOption("--form <form>", "clientserver or joinmarket-ng")
    .addHelpText(
      "after",
      examples(
        ["supervisor wallet export ~/.joinmarket/wallets/back.jmdat --form clientserver", ""],
        ["supervisor wallet export ~/.joinmarket-ng/wallets/back.jmdat --form joinmarket-ng", ""],
      ),
    )
    .action(async (file, options) => exitWith(await (await moving()).exportFile(file, options, terminal)));
  const importing = make(
    "import",
    "take over a wallet file of another program",
    "Makes a wallet of a file of joinmarket-clientserver or joinmarket-ng, or of words in a file, with labels, frozen coins and imported keys. Labels and history that joinmarket-ng keeps beside it are found by themselves. The file itself is not touched.",
  )
    .argument("<file>", "a .jmdat or .mnemonic file")
    .option("-w, --wallet <name>", "what it shall be called; default: as the file");
  withPassphrase(importing, OTHERS_PASSPHRASE)
    .option(
      "--labels <file>",
      "joinmarket-ng's labels (wallet_metadata_….jsonl) where it is not beside the wallet",
    )
    .option("--history <file>", "joinmarket-ng's history.csv where it is not beside the wallet")
    .addHelpText(
      "after",
      examples(
        ["supervisor wallet import ~/.joinmarket/wallets/old.jmdat", ""],
        [
          "supervisor wallet import ~/.joinmarket-ng/wallets/default.mnemonic -w savings",
          "under another name",
        ],
      ),
    )
    .action(async (file, options) => exitWith(await (await moving()).importFile(file, options, terminal)));
}

function addCoins({ of, ofNamed }: Group, { terminal, exitWith, examples }: ProgramTools): void {
  ofNamed(
    "status",
    "what a wallet is and how far it is known",
    "Shows the kind of the wallet, how far its coins are known, and whom it is lent to.",
  ).action(async (_, options) => exitWith(await (await coins()).status(options, terminal)));
  ofNamed(
    "show",
    "balances by mixdepth",
    "Shows what is in each mixdepth, how much of it can be spent, and why the rest cannot.",
  )
    .option("-a, --addresses", "the addresses too")
    .action(async (_, options) => exitWith(await (await coins()).show(options, terminal)));
  ofNamed(
    "address",
    "a new address to receive at",
    "Gives out the next address of a mixdepth, never one twice.",
  )
    .option("-m, --mixdepth <number>", "of which mixdepth", "0")
    .option("--change", "from the internal branch")
    .option("--label <text>", "what it is for")
    .option("--no-qr", "without the QR code")
    .action(async (_, options) => exitWith(await (await coins()).address(options, terminal)));
  of(
    "bond-address",
    "the address of a fidelity bond",
    "Shows the address whose coins stay locked until a month begins.",
  )
    .argument("<year-month>", "such as 2031-06")
    .option("--no-qr", "without the QR code")
    .action(async (month, options) => exitWith(await (await coins()).bondAddress(month, options, terminal)));
  ofNamed(
    "bonds",
    "the fidelity bonds",
    "Shows the wallet's fidelity bonds, what is in them and what they weigh.",
  ).action(async (_, options) => exitWith(await (await coins()).bonds(options, terminal)));
  ofNamed("coins", "the coins one by one", "Shows every coin with its state.")
    .option("-m, --mixdepth <number>", "only of this mixdepth")
    .action(async (_, options) => exitWith(await (await coins()).coins(options, terminal)));
  of("freeze", "keep coins from being spent", "Keeps coins from being spent until they are unfrozen.")
    .argument("<coins...>", "as `supervisor wallet coins` names them")
    .action(async (names, options) => exitWith(await (await coins()).freeze(names, true, options, terminal)));
  of("unfreeze", "let coins be spent again", "Lets frozen coins be spent again.")
    .argument("<coins...>", "as `supervisor wallet coins` names them")
    .action(async (names, options) =>
      exitWith(await (await coins()).freeze(names, false, options, terminal)),
    );
  of("label", "label an address, a coin or a transaction", "Sets a label; an empty text takes it away.")
    .argument("<what>", "an address, <txid>:<number> or a txid")
    .argument("<text>", "the label")
    .action(async (what, text, options) =>
      exitWith(await (await coins()).label(what, text, options, terminal)),
    );
  ofNamed(
    "labels",
    "labels as a BIP329 file, out or in",
    "Prints all labels as a BIP329 file, or takes some from one.",
  )
    .option("--take <file>", "take labels from this file; - is the pipe")
    .addHelpText(
      "after",
      examples(
        ["supervisor wallet labels > labels.jsonl", ""],
        ["supervisor wallet labels --take labels.jsonl", ""],
      ),
    )
    .action(async (_, options) => exitWith(await (await coins()).labels(options, terminal)));
  of("settings", "the wallet's own settings", "Shows the wallet's own settings, or sets one.")
    .argument("[key]", "such as tx_fees")
    .argument("[value]", "its new value")
    .option("--unset", "as if it had never been set")
    .addHelpText("after", settingHelp())
    .addHelpText(
      "after",
      examples(
        ["supervisor wallet settings", "all of them, and what holds"],
        ["supervisor wallet settings merge_algorithm greedy -w savings", ""],
      ),
    )
    .action(async (key, value, options) =>
      exitWith(await (await coins()).settings(key, value, options, terminal)),
    );
  ofNamed(
    "rescan",
    "look up all scripts again",
    "Looks up all scripts of the wallet in our index again; it takes seconds.",
  )
    .option("--gap <number>", "how many unused addresses in a row end the search, this once")
    .action(async (_, options) => exitWith(await (await coins()).rescan(options, terminal)));
  ofNamed("history", "what happened in the wallet", "Shows the wallet's transactions, the newest first.")
    .option("-n, --lines <number>", "at most so many", "30")
    .option("--csv", "all of it as joinmarket-clientserver prints it")
    .action(async (_, options) => exitWith(await (await spending()).history(options, terminal)));
  ofNamed(
    "earnings",
    "what a maker earned with it",
    "Prints the yield statement: one line for each coinjoin.",
  ).action(async (_, options) => exitWith(await (await spending()).yieldReport(options, terminal)));
}

const PAYMENTS =
  "<address> <amount> [<address> <amount> …]; an amount is satoshi (50000) or bitcoin (0.0005btc), and `all` is everything";

function withSpend(command: Command): Command {
  return command
    .argument("<payments...>", PAYMENTS)
    .option("-m, --mixdepth <number>", "spend from this mixdepth", "0")
    .option(
      "--fee <fee>",
      "satoshi by the virtual byte (12.5), or blocks to wait (6blocks); default: the wallet's setting",
    )
    .option("--inputs <coins...>", "exactly these coins")
    .option("--confirmations <number>", "only coins with so many")
    .option("--no-rbf", "not replaceable afterwards");
}

function addSpending({ of }: Group, { terminal, exitWith, examples }: ProgramTools): void {
  withSpend(
    of("send", "pay somebody, without a coinjoin", "Shows what the payment will cost, asks, and sends it."),
  )
    .option("--label <text>", "what it is for")
    .option("--dry-run", "only show it")
    .option("--yes", "do not ask")
    .addHelpText(
      "after",
      examples(
        ["supervisor wallet send bc1q… 0.01btc", ""],
        ["supervisor wallet send bc1q… all -m 2 --fee 1.5", "empties mixdepth 2"],
        ["supervisor wallet send bc1q… 50000 --yes --json", "for scripts"],
      ),
    )
    .action(async (payments, options) =>
      exitWith(await (await spending()).send(payments, options, terminal)),
    );
  of(
    "bump",
    "let an unconfirmed payment pay more",
    "Replaces an unconfirmed transaction of ours by one that pays a higher fee.",
  )
    .argument("<txid>", "as `supervisor wallet history` shows it")
    .requiredOption("--fee <fee>", "satoshi by the virtual byte (12.5), or blocks to wait (2blocks)")
    .option("--dry-run", "only show it")
    .option("--yes", "do not ask")
    .action(async (txid, options) => exitWith(await (await spending()).bump(txid, options, terminal)));
}

/** For a PSBT that is made here. */
function withOut(command: Command): Command {
  return command
    .option("--psbt-version <number>", "0 or 2", "0")
    .option("-o, --out <file>", "write it there; default: as text to the terminal")
    .option("--qr", "show it as QR codes too: one if it fits, else a round of several (UR)");
}

const PSBT_FILE = "a PSBT as bytes or as text; - is the pipe, and base64 may stand here itself";

function addPsbt(wallet: Command, tools: ProgramTools): void {
  const { exitWith, examples, terminal } = tools;
  const psbt = wallet
    .command("psbt")
    .summary("payments that are signed elsewhere: create, bump, show, sign, finish, cancel")
    .description(
      "Payments whose keys are elsewhere, as partially signed transactions (BIP174, BIP370). `create` here, `sign` where the keys are, bring it back and `finish` it. Each step shows what is paid, and checks what the others have done.",
    )
    .addHelpText(
      "after",
      examples(
        ["supervisor wallet psbt create bc1q… 0.01btc -o pay.psbt", "where the wallet is watched"],
        ["supervisor wallet psbt sign pay.psbt -o signed.psbt", "where its words are"],
        ["supervisor wallet psbt finish signed.psbt --send", "where it is watched again"],
      ),
    );
  const of = groupOf(psbt, tools).of;
  withOut(
    withSpend(
      of(
        "create",
        "a payment to be signed elsewhere",
        "Makes the payment that `send` would make, unsigned, as a PSBT. Its coins are set aside for an hour.",
      ),
    ),
  ).action(async (payments, options) => exitWith(await (await psbts()).create(payments, options, terminal)));
  withOut(
    of(
      "bump",
      "let an unconfirmed payment pay more",
      "Makes the payment that `bump` would make, unsigned, as a PSBT: it takes the place of one that waits to be confirmed.",
    )
      .argument("<txid>", "as `supervisor wallet history` shows it")
      .requiredOption("--fee <fee>", "satoshi by the virtual byte (12.5), or blocks to wait (2blocks)"),
  ).action(async (txid, options) => exitWith(await (await psbts()).bump(txid, options, terminal)));
  of(
    "show",
    "what a PSBT pays",
    "Shows what a PSBT pays, from which of our coins, and what keeps us from it.",
  )
    .argument("<file>", PSBT_FILE)
    .action(async (file, options) => exitWith(await (await psbts()).show(file, options, terminal)));
  of(
    "sign",
    "sign our inputs of a PSBT",
    "Shows what a PSBT pays, asks, and signs all its inputs that are ours.",
  )
    .argument("<file>", PSBT_FILE)
    .option("-o, --out <file>", "write it there; default: as text to the terminal")
    .option("--qr", "show it as QR codes too: one if it fits, else a round of several (UR)")
    .option("--yes", "do not ask")
    .action(async (file, options) => exitWith(await (await psbts()).sign(file, options, terminal)));
  of(
    "finish",
    "check what came back, and make the transaction",
    "Checks every signature, and that nothing else than what was made or signed here is paid; then makes the transaction.",
  )
    .argument("<file>", `${PSBT_FILE}; a whole signed transaction, too`)
    .option("--send", "send it: it is shown, and asked for, before")
    .option("--yes", "do not ask")
    .action(async (file, options) => exitWith(await (await psbts()).finish(file, options, terminal)));
  of("cancel", "give the coins of a PSBT back", "Gives back the coins that were set aside for a PSBT.")
    .argument("<file>", PSBT_FILE)
    .action(async (file, options) => exitWith(await (await psbts()).cancel(file, options, terminal)));
}

function addMessages({ of }: Group, { terminal, exitWith, examples }: ProgramTools): void {
  of("sign", "sign a message with one of the keys", "Signs a message, to prove that an address is ours.")
    .argument("<key>", "one of the wallet's addresses, or the path of a key, such as m/84'/0'/0'/0/3")
    .argument("<message>", "the text")
    .option("--form <form>", "clientserver, bip137 or bip322", "clientserver")
    .addHelpText(
      "after",
      examples(
        [`supervisor wallet sign bc1q… "it is mine"`, ""],
        [`supervisor wallet sign "m/84'/0'/0'/0/3" "it is mine" --form bip322`, ""],
      ),
    )
    .action(async (path, message, options) =>
      exitWith(await (await spending()).signMessage(path, message, options, terminal)),
    );
  of(
    "verify",
    "check a signed message",
    "Whether a signature over a message is of an address's key. Ends with 1 when it is not.",
  )
    .argument("<address>", "whose key it should be")
    .argument("<message>", "the text")
    .argument("<signature>", "in base64")
    .action(async (address, message, signature, options) =>
      exitWith(await (await spending()).verifyMessage(address, message, signature, options, terminal)),
    );
}

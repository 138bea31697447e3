/** What `supervisor config init` asks of a box with a real chain: its node, who may come in, Tor, the market. */
import { troupeSection } from "../../runtime/config/config-sections.ts";
import type { ChosenValues } from "../../runtime/config/config-text.ts";
import type { Section } from "../../runtime/config/section.ts";
import { Secret } from "../../runtime/secret.ts";
import { ALL_SECTIONS } from "../../supervisor/children.ts";
import { lookAtNode, lookAtTor, torAddressesHere } from "../../supervisor/plan/first-look.ts";
import { usualNodeAddress } from "../../supervisor/plan/own-node.ts";
import type { Question, Step } from "./questions.ts";

/** Where joinmarket-clientserver's bots meet besides the directory nodes. */
const IRC = "ircs://irc.hackint.org:6697";
const IRC_BY_TOR = "irc://ncwkrwxpq2ikcngxq3dy2xctuheniggtqeibvgofixpzvrwpa77tozqd.onion:6667";
const LAN_TLS = "[::]:50002";

const networkOf = (chosen: ChosenValues) => String(chosen[troupeSection.name]?.["network"] ?? "regtest");
const isReal = (chosen: ChosenValues) => networkOf(chosen) !== "regtest";
const hasNode = (chosen: ChosenValues) => chosen["node"]?.["rpc"] !== undefined;
const hasTor = (chosen: ChosenValues) => chosen["tor"]?.["socks"] !== undefined;
const takes = (chosen: ChosenValues) => isReal(chosen) && chosen["placement"]?.["taker"] !== "off";
const textOrUsual = (answer: string) => (answer === "" ? undefined : answer);

function of(section: string, question: Omit<Question, "section">): Question {
  return { section: sectionOf(section), ...question };
}

function sectionOf(name: string): Section {
  const section = ALL_SECTIONS.find((each) => each.name === name);
  if (section === undefined) throw new TypeError(`there is no section [${name}]`);
  return section;
}

/** Nothing is asked on a private chain that brings its own node. */
export function boxSteps(): readonly Step[] {
  return [nodeStep(), electrumStep(), torStep(), marketStep()];
}

function nodeStep(): Step {
  return {
    questions: [
      of("node", {
        key: "rpc",
        message: "Where does the Bitcoin node answer?",
        initial: (chosen) => usualNodeAddress(networkOf(chosen)),
        parse: (answer) => (answer === "" ? undefined : [answer]),
        check: (answer) =>
          answer === "" ? "the index needs a node, such as http://127.0.0.1:8332" : undefined,
      }),
      of("node", {
        key: "user",
        message: "Whom does it know us as? Empty: by its cookie, which is on this machine.",
        isAsked: hasNode,
        parse: textOrUsual,
      }),
      of("node", {
        key: "password_file",
        message: "The password of that user? It goes into an owner-only file.",
        isAsked: (chosen) => chosen["node"]?.["user"] !== undefined,
        isSecret: true,
        parse: (answer) => new Secret(answer),
        check: (answer) => (answer === "" ? "rpcauth= and rpcuser= have a password" : undefined),
      }),
      of("node", {
        key: "data_directory",
        message: "Where does the node keep its data? The cookie and the block files are read from there.",
        isAsked: hasNode,
      }),
    ],
    examine: (chosen) => {
      const { password_file: password, ...values } = chosen["node"] ?? {};
      return lookAtNode(networkOf(chosen), values, password instanceof Secret ? password : undefined);
    },
  };
}

function electrumStep(): Step {
  return {
    questions: [
      of("gateway", {
        key: "electrum_tls_listen",
        message: "Which Electrum wallets may come in?",
        choices: () => [
          { value: "", label: "those on this machine" },
          { value: LAN_TLS, label: "those on other machines too, over TLS at port 50002" },
        ],
        initial: () => "",
        parse: textOrUsual,
      }),
    ],
  };
}

function torStep(): Step {
  return {
    questions: [
      of("tor", {
        key: "socks",
        message: "Tor's SocksPort? Most makers and takers are behind Tor. Empty: no Tor.",
        isAsked: isReal,
        initial: async () => (await torAddressesHere()).socks,
        parse: textOrUsual,
      }),
      of("tor", {
        key: "control",
        message: "Tor's ControlPort? Only needed to offer onion services. Empty: none.",
        isAsked: hasTor,
        initial: async () => (await torAddressesHere()).control,
        parse: textOrUsual,
      }),
    ],
    examine: (chosen) => lookAtTor(chosen["tor"] ?? {}),
  };
}

function marketStep(): Step {
  return {
    questions: [
      of("placement", {
        key: "taker",
        message: "Shall wallets here be able to make coinjoins?",
        isAsked: isReal,
        choices: () => [
          { value: "", label: "yes" },
          { value: "off", label: "no" },
        ],
        initial: () => "",
        parse: textOrUsual,
      }),
      of("market", {
        key: "irc",
        message: "Where do they meet makers and takers?",
        isAsked: takes,
        choices: (chosen) =>
          hasTor(chosen)
            ? [
                { value: "", label: "at JoinMarket's directory nodes, through Tor" },
                { value: IRC_BY_TOR, label: "there, and on IRC (hackint) through Tor" },
              ]
            : [
                { value: IRC, label: "on IRC (hackint), which sees this machine's address" },
                { value: "", label: "nowhere yet: directory nodes need Tor" },
              ],
        initial: (chosen) => (hasTor(chosen) ? "" : IRC),
        parse: (answer) => (answer === "" ? undefined : [answer]),
      }),
      of("placement", {
        key: "maker",
        message:
          "Shall wallets here earn by offering coinjoins to others? (`supervisor earn start` begins it)",
        isAsked: takes,
        choices: () => [
          { value: "", label: "no" },
          { value: "stage:main", label: "yes" },
        ],
        initial: () => "",
        parse: textOrUsual,
      }),
      of("market", {
        key: "serve_onion",
        message: "Shall takers reach them directly, at an onion service of each maker's own?",
        isAsked: (chosen) =>
          chosen["placement"]?.["maker"] !== undefined && chosen["tor"]?.["control"] !== undefined,
        choices: () => [
          { value: "yes", label: "yes: faster, and directories see less" },
          { value: "", label: "no: all goes by directory nodes" },
        ],
        initial: () => "yes",
        parse: (answer) => (answer === "yes" ? true : undefined),
      }),
    ],
  };
}

/** What `supervisor config init` asks about the Bitcoin node; on a private chain nothing. */
import { troupeSection } from "../runtime/config/config-sections.ts";
import type { ChosenValues } from "../runtime/config/config-text.ts";
import { ALL_SECTIONS } from "../supervisor/children.ts";
import { usualNodeAddress } from "../supervisor/plan/own-node.ts";
import type { Question } from "./config-questions.ts";

const networkOf = (chosen: ChosenValues) => String(chosen[troupeSection.name]?.["network"] ?? "regtest");
const needsNode = (chosen: ChosenValues) => networkOf(chosen) !== "regtest";

export const NODE_QUESTIONS: readonly Question[] = Object.freeze(
  ALL_SECTIONS.filter(({ name }) => name === "node").flatMap((section) => [
    {
      section,
      key: "rpc",
      message: "Where does the Bitcoin node answer?",
      isAsked: needsNode,
      initial: (chosen: ChosenValues) => usualNodeAddress(networkOf(chosen)),
      parse: (answer: string) => [answer],
    },
    {
      section,
      key: "data_directory",
      message: "Where does the node keep its data? Its cookie lets us in.",
      isAsked: needsNode,
    },
  ]),
);

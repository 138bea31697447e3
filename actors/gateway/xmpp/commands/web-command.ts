/** The command that lets a person's programs in by HTTP for a while. */
import { atGateway, type Command, text } from "./command.ts";

export const web: Command = {
  word: "web",
  access: "user",
  isMutating: true,
  isFor: atGateway,
  fields: () => [],
  read: () => new Map(),
  async run({ web: door, jid, texts }) {
    if (door === undefined) return text(texts.noWeb);
    const { url, token, minutes } = door.letIn(jid);
    return { kind: "text", text: texts.webToken(url, token, minutes), isSecret: true };
  },
};

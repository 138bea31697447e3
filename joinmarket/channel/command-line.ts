/** Several commands on one line: how they are told apart, and what no honest peer joins. */

const SEPARATOR = "!";
/** No honest line has more: a maker's offers, their bond, and a few to spare. */
const COMMANDS_MAX = 64;
const ORDERBOOK = /^orderbook(?: |$)/;

/**
 * The commands of a public line; none if it is not a line of commands. Two requests for the order book in one line
 * are an attempt to make every maker answer twice: peers drop such a line, and so do we.
 */
export function publicCommands(line: string): readonly string[] {
  if (!line.startsWith(SEPARATOR)) return [];
  const commands = split(line.slice(1));
  return commands.filter((command) => ORDERBOOK.test(command)).length > 1 ? [] : commands;
}

/** The commands of a private message whose signature has been taken off. */
export function privateCommands(text: string): readonly string[] {
  return split(text);
}

function split(text: string): readonly string[] {
  const commands = text.split(SEPARATOR, COMMANDS_MAX + 1);
  if (commands.length > COMMANDS_MAX) return [];
  return commands.map((command) => command.trim()).filter((command) => command !== "");
}

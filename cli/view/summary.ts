/** The addresses of a running troupe as aligned lines. */
import type { ChildStatus, Tree } from "../../bus/contracts/supervisor.ts";
import { fit, harmless, type Paint, wrap } from "./terminal.ts";

/** Every door with its actor, then the bus. */
export function doorLines(tree: Tree, paint: Paint, width: number): string[] {
  const rows = [
    ...doorsOf(tree.root),
    { name: "bus", address: tree.bus.address, doc: `${tree.bus.mode}, for actors only` },
  ];
  const nameWidth = Math.max(...rows.map(({ name }) => name.length));
  const addressWidth = Math.max(...rows.map(({ address }) => address.length));
  const indent = nameWidth + addressWidth + 6;
  const isWide = width - indent >= SENTENCE_MIN;
  return rows.flatMap(({ name, address, doc }) => {
    const shown = `  ${fit(harmless(name), nameWidth)}  ${paint("strong", fit(harmless(address), addressWidth))}`;
    const [first = "", ...rest] = wrap(harmless(doc), isWide ? width - indent : Math.max(20, width - 4));
    const dim = (text: string, by: number) => `${" ".repeat(by)}${paint("dim", text)}`;
    if (!isWide) return [shown.trimEnd(), ...[first, ...rest].map((line) => dim(line, 4))];
    return [`${shown}  ${paint("dim", first)}`.trimEnd(), ...rest.map((line) => dim(line, indent))];
  });
}

/** Beside a narrower column a sentence is no longer read as one. */
const SENTENCE_MIN = 28;

function doorsOf(child: ChildStatus): { name: string; address: string; doc: string }[] {
  const own = child.doors.map(({ name, address, doc }) => ({
    name: `${child.id} ${name}`,
    address,
    doc: doc ?? "",
  }));
  return [...own, ...child.children.flatMap(doorsOf)];
}

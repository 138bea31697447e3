/** The addresses of a running troupe as aligned lines. */
import type { ChildStatus, Tree } from "../../bus/contracts/supervisor.ts";
import { clip, fit, harmless, type Paint } from "./terminal.ts";

/** Every door with its actor, then the bus. */
export function doorLines(tree: Tree, paint: Paint, width: number): string[] {
  const rows = [
    ...doorsOf(tree.root),
    { name: "bus", address: tree.bus.address, doc: `${tree.bus.mode}, for actors only` },
  ];
  const nameWidth = Math.max(...rows.map(({ name }) => name.length));
  const addressWidth = Math.max(...rows.map(({ address }) => address.length));
  const room = Math.max(0, width - nameWidth - addressWidth - 6);
  return rows.map(({ name, address, doc }) => {
    const shown = `  ${fit(harmless(name), nameWidth)}  ${paint("strong", fit(harmless(address), addressWidth))}`;
    return `${shown}  ${paint("dim", clip(harmless(doc), room))}`.trimEnd();
  });
}

function doorsOf(child: ChildStatus): { name: string; address: string; doc: string }[] {
  const own = child.doors.map(({ name, address, doc }) => ({
    name: `${child.id} ${name}`,
    address,
    doc: doc ?? "",
  }));
  return [...own, ...child.children.flatMap(doorsOf)];
}

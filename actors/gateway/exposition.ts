/** Joins the Prometheus texts of several actors into one: each sample gets its actor's name, each family comes once. */

export interface ActorText {
  readonly actor: string;
  readonly text: string;
}

interface Family {
  readonly name: string;
  help: string | undefined;
  type: string | undefined;
  readonly samples: string[];
}

const COMMENT = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*)(?: (.*))?$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(.*)\})? (\S+)(?: \d+)?$/;
/** A histogram's and a summary's samples carry the family's name and one of these. */
const SUFFIX = /_(?:bucket|sum|count|total)$/;

/**
 * Prometheus wants the lines of a family together, and no two samples with the same labels. Time stamps are left
 * out: the scrape's own time is right for all. `target_info` says of whom the rest is, which the label says already.
 */
export function joinExpositions(texts: readonly ActorText[]): string {
  const families = new Map<string, Family>();
  for (const { actor, text } of texts) {
    for (const line of text.split("\n")) addLine(families, actor, line.trimEnd());
  }
  const lines: string[] = [];
  for (const { name, help, type, samples } of families.values()) {
    if (samples.length === 0) continue;
    if (help !== undefined) lines.push(`# HELP ${name} ${help}`);
    if (type !== undefined) lines.push(`# TYPE ${name} ${type}`);
    lines.push(...samples);
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

function addLine(families: Map<string, Family>, actor: string, line: string): void {
  const comment = COMMENT.exec(line);
  if (comment !== null) {
    const [, kind, name = "", words = ""] = comment;
    const family = familyNamed(families, name);
    if (kind === "HELP") family.help ??= words;
    else family.type ??= words;
    return;
  }
  const sample = SAMPLE.exec(line);
  if (sample === null) return;
  const [, name = "", , labels = "", value = ""] = sample;
  if (name === "target_info") return;
  const stem = name.replace(SUFFIX, "");
  const family = families.get(name) ?? families.get(stem) ?? familyNamed(families, name);
  // The actor's own label wins: it may speak of another actor, as the supervisor does.
  const own = /(?:^|,)actor="/.test(labels)
    ? labels
    : [`actor="${escapeLabel(actor)}"`, labels].filter(Boolean).join(",");
  family.samples.push(`${name}{${own}} ${value}`);
}

function familyNamed(families: Map<string, Family>, name: string): Family {
  const known = families.get(name);
  if (known !== undefined) return known;
  const family: Family = { name, help: undefined, type: undefined, samples: [] };
  families.set(name, family);
  return family;
}

function escapeLabel(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

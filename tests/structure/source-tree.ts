/** Reads a tree of TypeScript sources as plain data: files, their lines, their imports; what the structure rules judge. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/** One import or re-export, as written and as what it means. */
export interface Import {
  readonly specifier: string;
  /** The file inside the tree, or undefined for a package or a Node module. */
  readonly file: string | undefined;
  /** The package's name without a path, such as `@scope/name`; undefined for files and Node modules. */
  readonly packageName: string | undefined;
  readonly typeOnly: boolean;
}

export interface SourceFile {
  /** Relative to the root, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly lineCount: number;
  readonly imports: readonly Import[];
}

/** `import … from "x"`, `export … from "x"`, `import "x"`, `import("x")`; the one expression all rules rest on. */
const IMPORT =
  /^[ \t]*(?:import|export)(\s+type)?\b[^"';]*?\bfrom\s*["']([^"']+)["']|^[ \t]*import\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/gm;

const IGNORED_DIRECTORIES = new Set(["node_modules", "dist", "coverage"]);

/** Every `.ts` file under `root`, in the order of their paths. */
export function readSourceTree(root: string): SourceFile[] {
  const paths: string[] = [];
  const walk = (directory: string) => {
    for (const entry of readdirSync(join(root, directory), { withFileTypes: true })) {
      const path = directory === "" ? entry.name : `${directory}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!IGNORED_DIRECTORIES.has(entry.name) && !entry.name.startsWith(".")) walk(path);
      } else if (entry.name.endsWith(".ts")) paths.push(path);
    }
  };
  if (existsSync(root)) walk("");
  return paths.sort().map((path) => {
    const text = readFileSync(join(root, path), "utf8");
    const lineCount = text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
    return { path, text, lineCount, imports: readImports(path, text) };
  });
}

export function readImports(path: string, text: string): Import[] {
  const imports: Import[] = [];
  for (const [, type, from, bare, dynamic] of withoutComments(text).matchAll(IMPORT)) {
    const specifier = from ?? bare ?? dynamic;
    if (specifier !== undefined) imports.push(resolve(path, specifier, type !== undefined));
  }
  return imports;
}

/** An import shown in a comment is not one. Strings that hold `/*` would be cut; none of ours is in an import. */
function withoutComments(text: string): string {
  return text.replace(/^[ \t]*\/\/.*$/gm, "").replace(/^[ \t]*\/\*[\s\S]*?\*\//gm, "");
}

function resolve(path: string, specifier: string, typeOnly: boolean): Import {
  if (specifier.startsWith(".")) {
    const file = normalize(join(dirname(path), specifier)).replaceAll("\\", "/");
    return { specifier, file, packageName: undefined, typeOnly };
  }
  if (specifier.startsWith("node:")) return { specifier, file: undefined, packageName: undefined, typeOnly };
  const parts = specifier.split("/");
  const packageName = specifier.startsWith("@") ? parts.slice(0, 2).join("/") : (parts[0] ?? specifier);
  return { specifier, file: undefined, packageName, typeOnly };
}

export function isTest(path: string): boolean {
  return path.endsWith(".test.ts") || path.startsWith("tests/");
}

export function isTool(path: string): boolean {
  return path.startsWith("bench/") || path.startsWith("docs/") || /^[^/]+$/.test(path);
}

export function folderOf(path: string): string {
  return dirname(path).replaceAll("\\", "/");
}

// Counts how often each branch of the project's own code is taken, while modules are loaded: docs/decisions/0022.
import { readFileSync } from 'node:fs';
import { registerHooks, stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parseAst } from 'vite';

/** Branches that can be told apart; the code has about a third of it. */
const most = 1 << 16;

declare global {
  var postcoteBranches: Uint32Array<ArrayBuffer>;
}
globalThis.postcoteBranches = new Uint32Array(most);

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

interface Source {
  readonly from: number;
  readonly to: number;
  /** String literals, for inputs to be made of. */
  readonly words: readonly string[];
}

const sources: Source[] = [];
let used = 0;

/** Branches of all loaded code. */
export const branchCount = (): number => used;

/** Literals of the files of which `taken` has a branch. */
export function wordsOf(taken: (branch: number) => boolean): string[] {
  const words = new Set<string>();
  for (const { from, to, words: some } of sources) {
    let touched = false;
    for (let branch = from; branch < to && !touched; branch++) touched = taken(branch);
    if (touched) for (const word of some) words.add(Buffer.from(word, 'utf8').toString('latin1'));
  }
  return [...words];
}

/** From now on, modules whose address contains `part` are counted. */
export function countBranches(part: string): void {
  registerHooks({
    load(url, context, nextLoad) {
      if (!url.startsWith('file:') || !url.includes(part) || !url.endsWith('.ts')) return nextLoad(url, context);
      const source = instrumented(stripTypeScriptTypes(readFileSync(fileURLToPath(url), 'utf8')));
      return { format: 'module', source, shortCircuit: true };
    },
  });
}

/** `code` with a counter at the start of every block, arm, case and right-hand side. Line numbers stay. */
function instrumented(code: string): string {
  const from = used;
  const words = new Set<string>();
  const edits: { readonly at: number; readonly text: string }[] = [];
  const counter = (): string => `postcoteBranches[${used < most ? used++ : most - 1}]++`;
  const put = (at: number, text: string): void => void edits.push({ at, text });

  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const one of value) visit(one);
    else if (isNode(value)) enter(value);
  };
  const inside = (node: Node): void => {
    for (const [key, value] of Object.entries(node)) if (key !== 'parent') visit(value);
  };
  const expression = (node: Node): void => {
    put(node.start, `(${counter()},`);
    enter(node);
    put(node.end, ')');
  };
  const statement = (node: Node): void => {
    if (node.type === 'BlockStatement') {
      enter(node);
      return;
    }
    put(node.start, `{${counter()};`);
    enter(node);
    put(node.end, '}');
  };
  const enter = (node: Node): void => {
    switch (node.type) {
      case 'BlockStatement':
        put(node.start + 1, `${counter()};`);
        inside(node);
        break;
      case 'IfStatement':
        visit(node.test);
        statement(node.consequent as Node);
        if (isNode(node.alternate)) statement(node.alternate);
        else put(node.end, ` else ${counter()};`);
        break;
      case 'ForStatement':
      case 'ForInStatement':
      case 'ForOfStatement':
      case 'WhileStatement':
      case 'DoWhileStatement':
        for (const key of ['init', 'left', 'test', 'right', 'update'])
          if (!(node.type === 'DoWhileStatement' && key === 'test')) visit(node[key]);
        statement(node.body as Node);
        if (node.type === 'DoWhileStatement') visit(node.test);
        break;
      case 'SwitchCase': {
        visit(node.test);
        const [first] = node.consequent as Node[];
        if (first !== undefined) put(first.start, `${counter()};`);
        visit(node.consequent);
        break;
      }
      case 'ConditionalExpression':
        visit(node.test);
        expression(node.consequent as Node);
        expression(node.alternate as Node);
        break;
      case 'LogicalExpression':
        visit(node.left);
        expression(node.right as Node);
        break;
      case 'ArrowFunctionExpression':
        visit(node.params);
        if ((node.body as Node).type === 'BlockStatement') enter(node.body as Node);
        else expression(node.body as Node);
        break;
      case 'ImportDeclaration':
      case 'ExportAllDeclaration':
        break;
      case 'Literal':
        if (typeof node.value === 'string' && node.value !== '' && node.value.length <= 24) words.add(node.value);
        break;
      default:
        inside(node);
    }
  };
  enter(parseAst(code, { lang: 'js' }) as unknown as Node);

  edits.sort((a, b) => a.at - b.at);
  const out: string[] = [];
  let at = 0;
  for (const edit of edits) {
    out.push(code.slice(at, edit.at), edit.text);
    at = edit.at;
  }
  out.push(code.slice(at));
  sources.push({ from, to: used, words: [...words] });
  return out.join('');
}

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';

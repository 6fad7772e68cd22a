/**
 * What Ferry's code may say. The simulator reboots a device by dropping its objects, so a value that survived in a
 * module would hide a bug; the device preloads modules frozen into flash; and bare XS has nothing of Node.
 */

import {
  type Expression,
  isArrayLiteralExpression,
  isAsExpression,
  isAwaitExpression,
  isBinaryExpression,
  isCallExpression,
  isClassDeclaration,
  isConditionalExpression,
  isDecorator,
  isEnumDeclaration,
  isIdentifier,
  isModuleDeclaration,
  isNewExpression,
  isObjectLiteralExpression,
  isParameterDeclaration,
  isParenthesizedExpression,
  isPropertyAccessExpression,
  isPropertyDeclaration,
  isRegularExpressionLiteral,
  isSatisfiesExpression,
  isVariableStatement,
  type Node,
  SyntaxKind,
  type TypeNode,
} from "typescript/unstable/ast";
import { nodesOf, placeOf, type Source } from "./sources.js";

const FILE_LINES_MAX = 400;

/** Files whose module-level constants may be typed arrays, made once by a function and only read afterwards. */
const TYPED_TABLE_FILES: readonly string[] = ["src/base/crc.ts", "src/frame/layout.ts"];

const FOREIGN_GLOBALS: ReadonlySet<string> = new Set([
  ...[
    "AbortController",
    "Buffer",
    "Date",
    "EventEmitter",
    "EventTarget",
    "Promise",
    "TextDecoder",
    "TextEncoder",
    "URL",
  ],
  ...["URLSearchParams", "WebSocket", "Worker", "__dirname", "__filename", "atob", "btoa", "clearInterval"],
  ...["clearTimeout", "console", "crypto", "fetch", "global", "globalThis", "module", "navigator", "performance"],
  ...["process", "queueMicrotask", "require", "setImmediate", "setInterval", "setTimeout", "structuredClone"],
]);

/** All but main.ts and what is bound to C: they run on the chip alone. */
export function isEngineNeutral(path: string): boolean {
  if (path === "src/main.ts" || path.startsWith("src/native/")) return false;
  return /^(src|host\/sim|host\/peers)\//.test(path) || /^host-tests\/(?!node\/)/.test(path);
}

function isDeviceOrSimulator(path: string): boolean {
  return /^(src|host\/sim|host\/peers)\//.test(path);
}

// ---- module-level state ---------------------------------------------------------------------------------------

export function findModuleState(source: Source): string[] {
  if (!isDeviceOrSimulator(source.path)) return [];
  const findings: string[] = [];
  for (const statement of source.tree.statements) {
    if (isVariableStatement(statement)) {
      const isConst = /^(export\s+)?(declare\s+)?const\b/.test(statement.getText(source.tree));
      for (const { name, type, initializer } of statement.declarationList.declarations) {
        const reason = isConst ? mutabilityOf(initializer, type, source) : "is no const";
        if (reason) findings.push(`${placeOf(source, name)} module-level ${name.getText(source.tree)} ${reason}`);
      }
    }
    if (isClassDeclaration(statement)) findings.push(...findStaticState(statement, source));
  }
  return findings;
}

function findStaticState(declaration: Node, source: Source): string[] {
  const findings: string[] = [];
  for (const member of nodesOf(declaration)) {
    if (!isPropertyDeclaration(member)) continue;
    const modifiers = member.modifiers?.map(({ kind }) => kind) ?? [];
    if (!modifiers.includes(SyntaxKind.StaticKeyword)) continue;
    const isReadonly = modifiers.includes(SyntaxKind.ReadonlyKeyword);
    const reason = isReadonly ? mutabilityOf(member.initializer, member.type, source) : "is not readonly";
    if (reason) findings.push(`${placeOf(source, member)} static ${member.name.getText(source.tree)} ${reason}`);
  }
  return findings;
}

/** Why a constant can change all the same, or `undefined` when it cannot. */
function mutabilityOf(
  initializer: Expression | undefined,
  type: TypeNode | undefined,
  source: Source,
): string | undefined {
  if (!initializer || isReadonlyType(type, source)) return undefined;
  const value = unwrap(initializer);
  if (isAsExpression(value)) {
    return value.type.getText(source.tree) === "const" ? undefined : mutabilityOf(value.expression, value.type, source);
  }
  if (isConditionalExpression(value)) {
    return mutabilityOf(value.whenTrue, type, source) ?? mutabilityOf(value.whenFalse, type, source);
  }
  if (isBinaryExpression(value)) {
    return mutabilityOf(value.left, type, source) ?? mutabilityOf(value.right, type, source);
  }
  if (isObjectLiteralExpression(value) || isArrayLiteralExpression(value)) return "is mutable: freeze it";
  if (isNewExpression(value)) return mutabilityOfNew(value.getText(source.tree));
  if (isCallExpression(value))
    return mutabilityOfCall(value.expression.getText(source.tree), value.arguments[0], source);
  if (isRegularExpressionLiteral(value) && /\/[a-z]*[gy][a-z]*$/.test(value.text)) return "remembers its last match";
  return undefined;
}

function mutabilityOfNew(text: string): string | undefined {
  const isEmptyArray = /^new (Uint8|Uint16|Uint32)Array\((0)?\)$/.test(text);
  return isEmptyArray ? undefined : "holds a mutable object";
}

function mutabilityOfCall(callee: string, argument: Expression | undefined, source: Source): string | undefined {
  if (/^(Object\.freeze|deepFreeze)$/.test(callee)) {
    // Freezing closes an object's properties, not what a Map or a typed array holds.
    const value = argument && unwrap(argument);
    return value && isNewExpression(value) ? mutabilityOfNew(value.getText(source.tree)) : undefined;
  }
  if (/^(Symbol|Number|BigInt|String|Math\.\w+|\w+\.charCodeAt)$/.test(callee)) return undefined;
  if (TYPED_TABLE_FILES.includes(source.path)) return undefined;
  return "holds what a call returned: freeze it";
}

function isReadonlyType(type: TypeNode | undefined, source: Source): boolean {
  return type !== undefined && /^(readonly\b|Readonly(Array|Map|Set)?<)/.test(type.getText(source.tree));
}

function unwrap(expression: Expression): Expression {
  const isWrapper = isParenthesizedExpression(expression) || isSatisfiesExpression(expression);
  return isWrapper ? unwrap(expression.expression) : expression;
}

// ---- the language ---------------------------------------------------------------------------------------------

/** Globals of Node or the browser, time and chance from outside the clock and the seed, promises. */
export function findForeignGlobals(source: Source): string[] {
  if (!isEngineNeutral(source.path)) return [];
  const findings: string[] = [];
  const nodes = [...nodesOf(source.tree)];
  const declared = new Set(nodes.filter(isDeclaredName).map((node) => node.getText(source.tree)));
  for (const node of nodes) {
    const text = isIdentifier(node) ? node.text : "";
    if (FOREIGN_GLOBALS.has(text) && !declared.has(text) && !isMemberName(node)) {
      findings.push(`${placeOf(source, node)} uses ${text}`);
    }
    if (isPropertyAccessExpression(node) && node.getText(source.tree) === "Math.random") {
      findings.push(`${placeOf(source, node)} uses Math.random`);
    }
    if (node.kind === SyntaxKind.AsyncKeyword || isAwaitExpression(node)) {
      findings.push(`${placeOf(source, node)} is asynchronous: device and simulator use callbacks`);
    }
  }
  return findings;
}

/**
 * Regular expressions on the device: one alone keeps 24 KiB of XS in the firmware, and XS miscounts bounded repetitions
 * inside of optional groups. base/text.ts has what is needed instead.
 */
export function findRegularExpressions(source: Source): string[] {
  // Partition tables are read on a PC alone: manifest.json leaves these modules out.
  if (!source.path.startsWith("src/") || source.path.startsWith("src/store/partition-")) return [];
  const findings: string[] = [];
  for (const node of nodesOf(source.tree)) {
    const isName = isIdentifier(node) && REGEXP_NAMES.has(node.text);
    if (!isName && !isRegularExpressionLiteral(node)) continue;
    findings.push(`${placeOf(source, node)} has a regular expression: ${node.getText(source.tree)}`);
  }
  return findings;
}

/** XS goes by names alone: whatever is called as a method of texts that takes a regular expression, keeps them in. */
const REGEXP_NAMES: ReadonlySet<string> = new Set(["RegExp", "match", "matchAll", "search"]);

type Named = Node & { readonly name?: Node };

const DECLARING: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.VariableDeclaration,
  SyntaxKind.Parameter,
  SyntaxKind.BindingElement,
  SyntaxKind.FunctionDeclaration,
  SyntaxKind.ClassDeclaration,
  SyntaxKind.ImportSpecifier,
  SyntaxKind.InterfaceDeclaration,
  SyntaxKind.TypeAliasDeclaration,
]);

function isNameOf(parent: Named, node: Node): boolean {
  return parent.name?.pos === node.pos && parent.name.end === node.end;
}

function isDeclaredName(node: Node): boolean {
  return isIdentifier(node) && DECLARING.has(node.parent.kind) && isNameOf(node.parent, node);
}

/** The name of a property or a method: after a dot, in a literal, in a class or a type. */
function isMemberName(node: Node): boolean {
  const { parent } = node;
  if (parent.kind === SyntaxKind.ShorthandPropertyAssignment) return false;
  return isNameOf(parent, node) && !DECLARING.has(parent.kind);
}

/** What erasable, strict TypeScript does without. */
export function findForbiddenSyntax(source: Source): string[] {
  const findings: string[] = [];
  for (const node of nodesOf(source.tree)) {
    const what = nameForbiddenSyntax(node, source);
    if (what) findings.push(`${placeOf(source, node)} has ${what}`);
  }
  for (const [index, line] of source.text.split("\n").entries()) {
    const directive = /(\/\/|\/\*)\s*@ts-(ignore|nocheck|expect-error)/.exec(line);
    if (directive) findings.push(`${source.path}:${index + 1} has @ts-${directive[2]}`);
  }
  return findings;
}

function nameForbiddenSyntax(node: Node, source: Source): string | undefined {
  if (node.kind === SyntaxKind.AnyKeyword) return "any";
  if (isEnumDeclaration(node)) return "an enum";
  if (isDecorator(node)) return "a decorator";
  if (isModuleDeclaration(node) && /^(export\s+)?(namespace|module)\b/.test(node.getText(source.tree))) {
    return "a namespace";
  }
  const isProperty =
    isParameterDeclaration(node) && (node.modifiers ?? []).some(({ kind }) => kind !== SyntaxKind.Decorator);
  return isProperty ? "a parameter property" : undefined;
}

/** Tests that do not run, or keep others from running. */
export function findSkippedTests(source: Source): string[] {
  if (!source.path.startsWith("host-tests/")) return [];
  const findings: string[] = [];
  for (const node of nodesOf(source.tree)) {
    const text = isPropertyAccessExpression(node) || isIdentifier(node) ? node.getText(source.tree) : "";
    if (/^((describe|it|context|specify|this)\.(skip|only)|x(it|describe|context|specify))$/.test(text)) {
      findings.push(`${placeOf(source, node)} has ${text}`);
    }
  }
  return findings;
}

// ---- texts ----------------------------------------------------------------------------------------------------

const UNFINISHED = new RegExp(String.raw`\b(TO${"DO"}|FIX${"ME"}|XX${"X"}|HA${"CK"})\b`);

export function findUnfinished(path: string, text: string): string[] {
  return text.split("\n").flatMap((line, index) => {
    const mark = UNFINISHED.exec(line);
    return mark ? [`${path}:${index + 1} says ${mark[0]}`] : [];
  });
}

export function findLongFile({ path, text }: Source): string[] {
  const lines = text.split("\n").length - 1;
  if (!/^(src|host)\//.test(path) || lines <= FILE_LINES_MAX) return [];
  return [`${path} has ${lines} lines, more than ${FILE_LINES_MAX}: is it one idea?`];
}

/** On XS private names are plain ones (scripts/device/plain-names.mjs): what that takes, and that nobody can tell. */

import { assert } from "chai";
import {
  type ClassDeclaration,
  isClassDeclaration,
  isIdentifier,
  isPrivateIdentifier,
  type Node,
  SyntaxKind,
} from "typescript/unstable/ast";
import { withPlainNames } from "#project/scripts/device/plain-names.mjs";
import { nodesOf, parseSources, placeOf, readSources, type Source } from "./sources.js";

/** As the compiler reads it. */
function plainBySyntax({ text, tree }: Source): string {
  const letters = text.split("");
  for (const node of nodesOf(tree)) if (isPrivateIdentifier(node)) letters[node.getStart(tree)] = "$";
  return letters.join("");
}

function privateNamesOf(node: Node): string[] {
  return [...nodesOf(node)].filter(isPrivateIdentifier).map(({ text }) => text);
}

function baseOf(declaration: ClassDeclaration): string | undefined {
  const clause = declaration.heritageClauses?.find(({ token }) => token === SyntaxKind.ExtendsKeyword);
  const base = clause?.types[0]?.expression;
  return base && isIdentifier(base) ? base.text : undefined;
}

describe("Private names on XS", () => {
  let sources: Source[];

  before(async () => {
    sources = (await readSources()).filter(({ path }) => /^src\/(?!store\/partition-)/.test(path));
  });

  it("become plain ones, and nothing else changes, in all of src", () => {
    for (const source of sources) assert.equal(withPlainNames(source.text), plainBySyntax(source), source.path);
  });

  it("are told from what stands in comments, texts and templates", async () => {
    // Here "@" begins the expressions of templates.
    const texts = [
      "class A { #a = 1; f() { return this.#a; } static #b() { return A.#b; } }",
      "class A { #a; f() { return `#no @{this.#a} #no @{`#no @{{ a: { b: this.#a } }.a.b}`} \\` #no` + this.#a; } }",
      'class A { #a = "#no"; #b = \'#no "\'; #c = "\\"#no"; } // #no\n/* #no\n "#no */ class B { #d; }',
      "class A { #a = `$#no $@{1}`; #b = `@{(() => { return {}; })()}#no`; #c; } // it's #no\nclass B { #d; }",
    ].map((text) => text.replaceAll("@{", "${"));
    for (const source of await parseSources(texts.map((text, index) => [`src/${index}.ts`, text]))) {
      const plain = withPlainNames(source.text);
      assert.equal(plain, plainBySyntax(source));
      assert.notEqual(plain, source.text);
      assert.equal(plain.split("#").length, source.text.split("#no").length, plain);
    }
  });

  it("have no plain namesake: no name begins with $", () => {
    const found = sources.flatMap((source) =>
      [...nodesOf(source.tree)]
        .filter((node) => isIdentifier(node) && node.text.startsWith("$"))
        .map((node) => placeOf(source, node)),
    );
    assert.deepEqual(found, []);
  });

  it("are not asked for: #name in object", () => {
    const found = sources.flatMap((source) =>
      [...nodesOf(source.tree)]
        .filter((node) => isPrivateIdentifier(node) && node.parent.kind === SyntaxKind.BinaryExpression)
        .map((node) => placeOf(source, node)),
    );
    assert.deepEqual(found, []);
  });

  it("are no class's that its base has as well", () => {
    const classes = sources.flatMap(({ tree }) => [...nodesOf(tree)].filter(isClassDeclaration));
    const byName = new Map(classes.map((declaration) => [declaration.name?.text, declaration]));
    let pairs = 0;
    for (const declaration of classes) {
      for (let base = byName.get(baseOf(declaration)); base; base = byName.get(baseOf(base))) {
        const taken = new Set(privateNamesOf(base));
        assert.deepEqual(
          privateNamesOf(declaration).filter((name) => taken.has(name)),
          [],
        );
        pairs++;
      }
    }
    assert.isAbove(pairs, 0);
  });
});

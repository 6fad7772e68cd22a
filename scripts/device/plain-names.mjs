/**
 * "#clock" becomes "$clock" in what XS gets: a plain property instead of a private one.
 *
 * To XS a private name is a variable, which each method that says it captures: 16 bytes of flash for each name in each
 * method, 107 KiB in all. That nobody reaches into another's is TypeScript's to say, and said by then. What could tell
 * the two apart, private-names.test.ts keeps out of src; and the suites on XS run what is made here.
 */

/** What may hide a "#", or ends what hides it. Regular expressions are not known here: device code has none. */
const TOKEN = /\/\/.*|\/\*[\s\S]*?\*\/|"(?:\\[\s\S]|[^"\\])*"|'(?:\\[\s\S]|[^'\\])*'|[`{}]|#(?=[A-Za-z_])/g;
/** A template's text, to its end or to an expression. */
const TEMPLATE_TEXT = /(?:\\[\s\S]|\$(?!\{)|[^`\\$])*(?:`|\$\{)/y;

/** TypeScript or JavaScript; every character keeps its place. @param {string} source @returns {string} */
export function withPlainNames(source) {
  const letters = source.split("");
  /** How many braces are open in the expression of each template around. @type {number[]} */
  const braces = [];
  const token = new RegExp(TOKEN);
  const skipTemplateText = () => {
    const text = new RegExp(TEMPLATE_TEXT);
    text.lastIndex = token.lastIndex;
    if (text.exec(source)?.[0].endsWith("{")) braces.push(0);
    token.lastIndex = Math.max(text.lastIndex, token.lastIndex);
  };
  for (let found = token.exec(source); found; found = token.exec(source)) {
    const [text] = found;
    const open = braces.length - 1;
    if (text === "#") letters[found.index] = "$";
    else if (text === "`") skipTemplateText();
    else if (text === "}" && braces[open] === 0) {
      braces.pop();
      skipTemplateText();
    } else if (open >= 0 && text === "{") braces[open] = (braces[open] ?? 0) + 1;
    else if (open >= 0 && text === "}") braces[open] = (braces[open] ?? 0) - 1;
  }
  return letters.join("");
}

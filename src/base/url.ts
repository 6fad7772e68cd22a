/** The little of URLs that fetching a file needs: the device has no URL class. Never throws. */

import { cutAt, firstOf, isDecimal } from "./text.js";

/** Bounds the records that keep a URL. */
export const URL_LENGTH_MAX = 512;
/** With it and three names of 64 letters, an offer still fits an MCU whose buffer has 256 bytes. */
export const FILE_NAME_LENGTH_MAX = 32;

export interface ParsedUrl {
  readonly secure: boolean;
  /** A name or an IPv4 address, in lower case. */
  readonly host: string;
  readonly port: number;
  /** Path and query, beginning with a slash; the fragment is not sent. */
  readonly path: string;
}

/** Returns the parts, or what is wrong as a phrase that follows "the URL". */
export function parseUrl(url: string): ParsedUrl | string {
  if (url.length > URL_LENGTH_MAX) return `is longer than ${URL_LENGTH_MAX} characters`;
  const schemeEnd = url.indexOf("://");
  const scheme = url.slice(0, Math.max(0, schemeEnd)).toLowerCase();
  if (scheme !== "http" && scheme !== "https") return `is neither http:// nor https://: "${url}"`;
  if (!isPrintable(url)) return "has characters that a URL must not have: percent-encode all but printable ASCII";
  const secure = scheme === "https";
  const rest = url.slice(schemeEnd + 3);
  const pathStart = firstOf(rest, "/?#");
  const authority = rest.slice(0, pathStart);
  if (authority.includes("@")) return "carries a user name, which is not supported";
  if (authority.includes("[")) return `names an IPv6 address, which is not supported: "${url}"`;
  const [name, portText] = cutAt(authority, ":");
  const host = name.toLowerCase();
  const port = portText === undefined ? (secure ? 443 : 80) : parsePort(portText);
  if (!host) return `names no host: "${url}"`;
  if (port === undefined) return `has a bad port: "${url}"`;
  const target = rest.slice(pathStart);
  const path = target.slice(0, firstOf(target, "#"));
  return { secure, host, port, path: path.startsWith("/") ? path : `/${path}` };
}

/** The URL that a Location header names, seen from the page that sent it (RFC 3986, 5.2). */
export function resolveUrl(base: ParsedUrl, location: string): string {
  const hasScheme = location.charAt(firstOf(location, ":/?#")) === ":";
  if (hasScheme) return location;
  const scheme = base.secure ? "https" : "http";
  if (location.startsWith("//")) return `${scheme}:${location}`;
  const origin = `${scheme}://${base.host}:${base.port}`;
  const basePath = base.path.slice(0, firstOf(base.path, "?"));
  const pathEnd = firstOf(location, "?#");
  const rest = location.slice(pathEnd);
  if (pathEnd === 0) return origin + (rest.startsWith("?") ? basePath : base.path) + rest;
  const folder = location.startsWith("/") ? "" : basePath.slice(0, basePath.lastIndexOf("/") + 1);
  return origin + withoutDotSegments(folder + location.slice(0, pathEnd)) + rest;
}

/** The part of a URL that people call the file's name; of a long one the end, which tells more. */
export function fileNameOf(url: string): string {
  const parsed = parseUrl(url);
  const path = typeof parsed === "string" ? "" : parsed.path.slice(0, firstOf(parsed.path, "?"));
  return path.slice(path.lastIndexOf("/") + 1).slice(-FILE_NAME_LENGTH_MAX) || "firmware.bin";
}

/** Follows "." and ".." in a path that begins with a slash. */
function withoutDotSegments(path: string): string {
  const given = path.split("/").slice(1);
  const kept: string[] = [];
  for (const segment of given) {
    if (segment === "..") kept.pop();
    else if (segment !== ".") kept.push(segment);
  }
  const last = given.at(-1);
  const isFolder = kept.length > 0 && (last === "." || last === "..");
  return `/${kept.join("/")}${isFolder ? "/" : ""}`;
}

function parsePort(text: string): number | undefined {
  if (!isDecimal(text, 5)) return undefined;
  const port = Number(text);
  return port >= 1 && port <= 65535 ? port : undefined;
}

function isPrintable(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code <= 0x20 || code >= 0x7f) return false;
  }
  return true;
}

/** What manifests call "config": of it the SDK's modules here read only where the root of the files is. */
// biome-ignore lint/style/noDefaultExport: the SDK imports it so.
export default Object.freeze({ files: "", tls: Object.freeze({ DHE_RSA: true, ECDHE_RSA: true }) });

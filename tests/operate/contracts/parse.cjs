// Parses an AsyncAPI document as AsyncAPI's own parser does, and prints what it finds as JSON:
//   node parse.cjs <folder with node_modules> <document>
"use strict";

const { createRequire } = require("node:module");
const { readFileSync } = require("node:fs");
const path = require("node:path");

const [tools, document] = process.argv.slice(2).map((name) => path.resolve(name));
const { Parser } = createRequire(path.join(tools, "package.json"))("@asyncapi/parser");

new Parser()
  // References are relative to the document.
  .parse(readFileSync(document, "utf8"), { source: document })
  .then(({ diagnostics }) => {
    const found = diagnostics.map(({ severity, code, message, path: at }) => ({
      severity: ["error", "warning", "info", "hint"][severity],
      code,
      message,
      at: at.join("/"),
    }));
    console.log(JSON.stringify(found));
  });

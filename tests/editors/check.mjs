// What an editor shows of a task: yaml-language-server is started in the folder that `funcy init` makes, and
// asked for completion, hover and diagnostics.
//
//   npm install --prefix DIR yaml-language-server
//   node tests/editors/check.mjs FUNCY DIR
//
// FUNCY is the program. This needs Node 20 or newer and is no part of `cargo test`; `.ci/run` runs it.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Editor } from "./client.mjs";

const [funcy, installed] = process.argv.slice(2).map((path) => resolve(path));
if (!installed) {
  console.error("usage: node tests/editors/check.mjs FUNCY DIR");
  process.exit(2);
}
const repository = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The place of the mark, and the text without it. */
const CURSOR = "‸";

const HEAD = "version: 1\nstart_state: a\nfinal_state: b\n";
const inTask = (text) => `${HEAD}${text}\nstates:\n  b:\n`;
const inState = (text) => `${HEAD}states:\n  b:\n  a:\n${text.replace(/^/gm, "    ")}\n`;
const inInstruction = (text) => inState(`instructions:\n${text.replace(/^/gm, "  ")}`);

/** What is offered at the mark. Some of it, each as it is written; and what must not be offered. */
const COMPLETIONS = [
  ["the keys of a task", `version: 1\n${CURSOR}`, ["start_state: ", "final_state: ", "states:\n  ", "clients:\n  ", "timeout: ", "secrets:\n  "], ["to", "when"]],
  ["the keys of a state", inState(CURSOR), ["instructions:\n  - ", "next: ", "wait: ", "poll:\n  ", "subscribe:\n  ", "on_error: "], ["when", "start_state"]],
  ["the keys and clients of an instruction", inInstruction(`- ${CURSOR}`), ["expect: ", "save:\n    ", "for_each: ", "http:\n    ", "nats:\n    ", "sql:\n    ", "log: ", "task:\n    file: "], ["to", "poll"]],
  ["a started key of an instruction", inInstruction(`- http: GET /x\n  ex${CURSOR}`), ["expect: "], ["http"]],
  ["an instruction that is polled", inState(`poll:\n  ${CURSOR}`), ["http:\n  ", "name: "], ["expect", "save", "retry", "defer"]],
  ["the kinds of a client", inTask(`clients:\n  shop:\n    ${CURSOR}`), ["http:\n  ", "nats:\n  ", "sql:\n  ", "record: "], ["signal"]],
  ["what stands beside the kind of a client", inTask(`clients:\n  shop:\n    http: {}\n    re${CURSOR}`), ["record: "], []],
  ["the config of a client", inTask(`clients:\n  shop:\n    http:\n      ${CURSOR}`), ["base_url: ", "auth:\n  ", "headers:\n  "], ["get"]],
  ["the members of a request", inInstruction(`- http:\n    ${CURSOR}`), ["get: ", "post: ", "json: ", "query:\n  "], ["base_url"]],
  ["a member beside another", inInstruction(`- http:\n    post: /x\n    j${CURSOR}`), ["json: "], ["post"]],
  // Where the line has a colon already, the server writes the key alone.
  ["a member in braces", inInstruction(`- http: { post: /x, fo${CURSOR} }`), ["form"], ["post"]],
  ["the sources", inState(`subscribe:\n  ${CURSOR}`), ["signal: ", "http:\n  sse: ", "nats:\n  "], ["file"]],
  ["the members of a source", inState(`subscribe:\n  nats:\n    ${CURSOR}`), ["subject: ", "stream: "], ["publish"]],
  ["the keys of a transition", inState(`transitions:\n  - to: b\n    ${CURSOR}`), ["when: ", "fail_when: ", "wait: ", "set:\n  ", "count: ${1:0}"], ["to", "next"]],
  ["a condition among others", inState(`transitions:\n  - all:\n      one:\n        ${CURSOR}`), ["poll:\n  ", "when: "], ["to"]],
  ["the kinds of errors", inState(`on_error:\n  - to: b\n    kind: ${CURSOR}`), ["transport", "timeout"], []],
  ["a length of time", inTask(`timeout: ${CURSOR}`), ["5s"], []],
  ["what retries", inInstruction(`- http: GET /x\n  retry:\n    ${CURSOR}`), ["delay: ", "if: "], ["expect"]],
];

/** What is shown over the mark. */
const HOVERS = [
  ["a key", inTask(`time${CURSOR}out: 1h`), "The longest time that the whole run may take"],
  ["the same key elsewhere", inState(`time${CURSOR}out: 1h`), "The longest time that this state waits"],
  ["a client", inInstruction(`- ht${CURSOR}tp:\n    get: /x`), "```yaml\nhttp:"],
  ["a member of a request", inInstruction(`- http:\n    que${CURSOR}ry: { a: 1 }`), "Appended to the URL"],
  ["a state", inState(`ne${CURSOR}xt: b`), "The only next state"],
];

/** Mistakes, each with its one diagnostic: the line and a part of the words. */
const MISTAKES = [
  ["an unknown key of a task", inTask("tiemout: 1h"), "4: Property tiemout is not allowed."],
  ["an unknown key of a state", inState("transitons: [b]"), "7: Property transitons is not allowed."],
  ["an unknown key of a transition", inState("transitions:\n  - { to: b, whn: x }"), "8: Property whn is not allowed."],
  ["an unknown member of a request", inInstruction("- http: { post: /x, jsn: 1 }"), "8: Property jsn is not allowed."],
  ["an unknown member of a config", inTask("clients: { shop: { http: { base: x } } }"), "4: Property base is not allowed."],
  ["an unknown kind of client", inTask("clients: { shop: { htp: {} } }"), "4: Property htp is not allowed."],
  ["an unknown member of a source", inState("subscribe: { nats: { subjct: x } }"), "7: Property subjct is not allowed."],
  ["a missing key", "version: 1\nfinal_state: b\nstates: { b: }\n", '1: Missing property "start_state".'],
  ["another version", HEAD.replace("1", "2") + "states: { b: }\n", "1: Value must be 1."],
  ["a bare number as a length of time", inTask("timeout: 30"), "4: A length of time has a unit: `5s`"],
  ["a unit that is none", inState("wait: 30 seconds"), "7: A length of time has a unit: `5s`"],
  ["a text where a list belongs", inState("instructions: GET /x"), '7: Incorrect type. Expected "array".'],
  ["a text where a number belongs", inInstruction("- http: GET /x\n  retry: { max_attempts: many }"), '9: Incorrect type. Expected "integer".'],
  ["a text where a request wants a bool", inTask("clients: { shop: { http: { compression: yes please } } }"), "4: Expected boolean"],
  ["a word that is none of the choice", inState("on_error: [{ kind: limit, to: b }]"), '7: Value is not accepted. Valid values: "expect"'],
  ["a template in a name", inState("next: ${x}"), "7: This name must be known before the run"],
  ["a name that no variable can have", inState("transitions: [{ to: b, set: { a-b: 1 } }]"), "7: A variable's name is made of"],
  ["an expectation of a poll", inState("poll: { http: GET /, expect: x }"), "7: Property expect is not allowed."],
  ["two kinds in one client", inTask("clients: { shop: { http: {}, sql: { url: 'sqlite::memory:' } } }"), "4: Object has more properties than limit of 1."],
];

const folder = mkdtempSync(join(tmpdir(), "funcy-editors-"));
const failures = [];
let passed = 0;

async function test(name, body) {
  try {
    await body();
    passed += 1;
  } catch (error) {
    failures.push(`${name}: ${error.message}`);
  }
}

let lastFile = 0;

/** A new task without a modeline: what VS Code is told in its settings must be enough. */
async function opened(editor, marked) {
  const before = marked.split(CURSOR)[0];
  const lines = before.split("\n");
  const path = join(folder, "tasks", "new", `${++lastFile}.yaml`);
  const diagnostics = await editor.diagnostics(path, marked.replace(CURSOR, ""));
  return { path, diagnostics, position: { line: lines.length - 1, character: lines.at(-1).length } };
}

/** The YAML files in and below a folder. */
function yamlFiles(root) {
  return readdirSync(root, { recursive: true })
    .filter((path) => path.endsWith(".yaml"))
    .sort()
    .map((path) => [path, readFileSync(join(root, path), "utf8")]);
}

async function check(editor) {
  for (const [name, text, some, none] of COMPLETIONS) {
    await test(`completion: ${name}`, async () => {
      const { path, position } = await opened(editor, text);
      const items = await editor.completion(path, position);
      const written = items.map((item) => item.insertText);
      for (const text of some) assert.ok(written.includes(text), `${JSON.stringify(text)} is not among ${JSON.stringify(written)}`);
      const labels = items.map((item) => item.label);
      for (const label of none) assert.ok(!labels.includes(label), `${label} is among ${labels}`);
    });
  }
  for (const [name, text, wanted] of HOVERS) {
    await test(`hover: ${name}`, async () => {
      const { path, position } = await opened(editor, text);
      const shown = await editor.hover(path, position);
      assert.ok(shown.includes(wanted), shown);
    });
  }
  for (const [name, text, wanted] of MISTAKES) {
    await test(`a mistake: ${name}`, async () => {
      const { diagnostics } = await opened(editor, text);
      assert.equal(diagnostics.length, 1, JSON.stringify(diagnostics));
      assert.ok(diagnostics[0].startsWith(wanted), diagnostics[0]);
    });
  }
  // What `init` wrote has modelines; the gallery is judged by the settings.
  const right = [...yamlFiles(join(folder, "tasks")), ...yamlFiles(join(repository, "tasks"))];
  assert.ok(right.length > 15);
  for (const [path, text] of right) {
    await test(`a right file: ${path}`, async () => {
      const place = join(folder, "tasks", dirname(path), basename(path));
      assert.deepEqual(await editor.diagnostics(place, text), []);
      editor.close(place);
    });
  }
  await test("a suite file has its own schema", async () => {
    const path = join(folder, "tasks", "below", "funcy.yaml");
    assert.deepEqual(await editor.diagnostics(path, "version: 1\nstates: {}\n"), ["2: Property states is not allowed."]);
  });
  // No settings speak of this folder: the modeline alone tells the schema.
  await test("the modeline is enough", async () => {
    const path = join(folder, "elsewhere", "a.yaml");
    const line = "# yaml-language-server: $schema=../.funcy/task.schema.json\n";
    assert.deepEqual(await editor.diagnostics(path, `${line}${inTask("tiemout: 1h")}`), ["5: Property tiemout is not allowed."]);
  });
}

try {
  execFileSync(funcy, ["init"], { cwd: folder });
  const settings = JSON.parse(readFileSync(join(folder, ".vscode", "settings.json"), "utf8"));
  const server = join(installed, "node_modules", "yaml-language-server");
  const { version } = JSON.parse(readFileSync(join(server, "package.json"), "utf8"));
  const editor = await Editor.start(join(server, "bin", "yaml-language-server"), folder, {
    validate: true,
    completion: true,
    hover: true,
    // Nothing is asked of the network.
    schemaStore: { enable: false },
    schemas: settings["yaml.schemas"],
  });
  await check(editor);
  await editor.stop();
  for (const failure of failures) console.error(`✗ ${failure}`);
  console.log(`yaml-language-server ${version}: ${passed} passed, ${failures.length} failed`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = failures.length === 0 ? 0 : 1;

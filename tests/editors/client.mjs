// A client of yaml-language-server: what an editor says to it, and no more.

import { spawn } from "node:child_process";
import { pathToFileURL } from "node:url";

/** How long one answer may take, in milliseconds. */
const PATIENCE = 20_000;

/** A server that runs, and the documents that are open in it. */
export class Editor {
  #process;
  #input = Buffer.alloc(0);
  #lastId = 0;
  #waiting = new Map(); // by the id of the request, or the URI whose diagnostics are awaited
  #settings;

  /** `server` is the script of yaml-language-server, `settings` what an editor has under `yaml`. */
  static async start(server, folder, settings) {
    const editor = new Editor();
    editor.#settings = settings;
    editor.#process = spawn(process.execPath, [server, "--stdio"], { cwd: folder, stdio: ["pipe", "pipe", "inherit"] });
    editor.#process.stdout.on("data", (bytes) => editor.#read(bytes));
    const uri = pathToFileURL(folder).href;
    await editor.#ask("initialize", {
      processId: process.pid,
      rootUri: uri,
      workspaceFolders: [{ uri, name: "suite" }],
      capabilities: {
        workspace: { configuration: true, workspaceFolders: true },
        textDocument: {
          completion: { completionItem: { snippetSupport: true, documentationFormat: ["markdown"] } },
          hover: { contentFormat: ["markdown"] },
          publishDiagnostics: { relatedInformation: true },
        },
      },
    });
    editor.#tell("initialized", {});
    editor.#tell("workspace/didChangeConfiguration", { settings: { yaml: settings } });
    return editor;
  }

  /** Opens a document; gives the diagnostics, each as `LINE: MESSAGE`. */
  async diagnostics(path, text) {
    const uri = pathToFileURL(path).href;
    const published = this.#wait(uri, `the diagnostics of ${path}`);
    this.#tell("textDocument/didOpen", { textDocument: { uri, languageId: "yaml", version: 1, text } });
    const { diagnostics } = await published;
    return diagnostics.map(({ range, message }) => `${range.start.line + 1}: ${message}`);
  }

  /** The entries that are offered at a place, as `{label, insertText, documentation}`. */
  async completion(path, position) {
    const list = await this.#at("textDocument/completion", path, position);
    return list.items ?? list;
  }

  /** What is shown over a place; empty if nothing. */
  async hover(path, position) {
    const hover = await this.#at("textDocument/hover", path, position);
    return hover?.contents?.value ?? "";
  }

  close(path) {
    this.#tell("textDocument/didClose", { textDocument: { uri: pathToFileURL(path).href } });
  }

  async stop() {
    await this.#ask("shutdown", null);
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#tell("exit", null);
    this.#process.stdin.end();
    await ended;
  }

  #at(method, path, position) {
    return this.#ask(method, { textDocument: { uri: pathToFileURL(path).href }, position });
  }

  #ask(method, params) {
    const id = ++this.#lastId;
    const answer = this.#wait(id, method);
    this.#send({ id, method, params });
    return answer;
  }

  #tell(method, params) {
    this.#send({ method, params });
  }

  #wait(key, what) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer: ${what}`)), PATIENCE);
      this.#waiting.set(key, (error, value) => {
        clearTimeout(timer);
        this.#waiting.delete(key);
        error ? reject(new Error(`${what}: ${error.message}`)) : resolve(value);
      });
    });
  }

  #send(message) {
    const body = JSON.stringify({ jsonrpc: "2.0", ...message });
    this.#process.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  #read(bytes) {
    this.#input = Buffer.concat([this.#input, bytes]);
    for (;;) {
      const end = this.#input.indexOf("\r\n\r\n");
      if (end < 0) return;
      const [, length] = /content-length: (\d+)/i.exec(this.#input.toString("latin1", 0, end));
      const next = end + 4 + Number(length);
      if (this.#input.length < next) return;
      const body = this.#input.toString("utf8", end + 4, next);
      this.#input = this.#input.subarray(next);
      this.#take(JSON.parse(body));
    }
  }

  #take({ id, method, params, result, error }) {
    if (method === "workspace/configuration") {
      const values = params.items.map(({ section }) => (section === "yaml" ? this.#settings : {}));
      this.#send({ id, result: values });
    } else if (method === "textDocument/publishDiagnostics") {
      this.#waiting.get(params.uri)?.(null, params);
    } else if (method && id !== undefined) {
      this.#send({ id, result: null });
    } else if (!method) {
      this.#waiting.get(id)?.(error, result);
    }
  }
}

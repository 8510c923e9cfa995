// Builds the page from /openapi.json. Texts become text nodes only: nothing in the document is ever read as HTML.

const METHODS = ["get", "post", "put", "patch", "delete"];

/** An element with attributes and children; strings become text. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

class Reader {
  constructor(api) {
    this.api = api;
  }

  /** The object that a reference stands for; anything else as it is. */
  follow(thing) {
    if (!thing?.$ref) {
      return thing ?? {};
    }
    const path = thing.$ref.replace("#/", "").split("/");
    return path.reduce((at, key) => at?.[key.replaceAll("~1", "/").replaceAll("~0", "~")], this.api) ?? {};
  }

  /** `#/components/schemas/UserOut` -> `UserOut` */
  name(schema) {
    return schema?.$ref ? schema.$ref.split("/").pop() : "";
  }

  /** One line that says what values a schema takes. */
  kind(schema) {
    const found = this.follow(schema);
    if (found.enum) {
      return found.enum.map((value) => JSON.stringify(value)).join(" | ");
    }
    if (found.const !== undefined) {
      return JSON.stringify(found.const);
    }
    const some = found.oneOf ?? found.anyOf;
    if (some) {
      return some.map((option) => this.name(option) || this.kind(option)).join(" | ");
    }
    const types = [found.type ?? (found.properties || found.allOf ? "object" : "any")].flat();
    const kinds = types.map((type) => (type === "array" ? `array of ${this.kind(found.items)}` : type));
    return [kinds.join(" | "), found.format && `(${found.format})`, this.limits(found)].filter(Boolean).join(" ");
  }

  limits(schema) {
    const range = (low, high, unit) =>
      low === undefined && high === undefined ? "" : `${low ?? "…"} to ${high ?? "…"}${unit}`;
    return [
      range(schema.minLength, schema.maxLength, " characters"),
      range(schema.minimum, schema.maximum, ""),
      range(schema.minItems, schema.maxItems, " items"),
      schema.pattern && `matching ${schema.pattern}`,
      schema.default !== undefined && `default ${JSON.stringify(schema.default)}`,
    ].filter(Boolean).join(", ");
  }

  /** A schema's fields as a list; schemas that are open above it are not opened again. */
  fields(schema, above = []) {
    const name = this.name(schema);
    if (name && above.includes(name)) {
      return null;
    }
    const inside = name ? [...above, name] : above;
    const found = this.follow(schema);
    if (found.type === "array" || found.type?.includes?.("array")) {
      return this.fields(found.items, inside);
    }
    const parts = [found, ...(found.allOf ?? []).map((part) => this.follow(part))];
    const rows = parts.flatMap((part) =>
      Object.entries(part.properties ?? {}).map(([field, of]) =>
        this.row(field, of, (part.required ?? []).includes(field), inside)));
    const options = (found.oneOf ?? found.anyOf ?? []).map((option, at) => {
      const below = this.fields(option, inside);
      return below && make("li", {}, `${this.name(option) || `option ${at + 1}`}`, below);
    }).filter(Boolean);
    return rows.length + options.length > 0 ? make("ul", {}, rows, options) : null;
  }

  row(field, schema, isRequired, above) {
    const found = this.follow(schema);
    const line = [
      make("code", isRequired ? { class: "required" } : {}, field),
      make("span", { class: "quiet" }, ` ${this.kind(schema)}`),
      found.description ? ` — ${found.description}` : null,
    ];
    const below = this.fields(schema, above);
    return make("li", {}, below ? make("details", {}, make("summary", {}, line), below) : line);
  }

  parameters(list) {
    if (list.length === 0) {
      return null;
    }
    const rows = list.map((parameter) => make("li", {},
      make("code", parameter.required ? { class: "required" } : {}, parameter.name),
      make("span", { class: "quiet" }, ` in ${parameter.in}, ${this.kind(parameter.schema)}`),
      parameter.description ? ` — ${parameter.description}` : null));
    return [make("h3", {}, "Parameters"), make("ul", {}, rows)];
  }

  body(content, title) {
    return Object.entries(content ?? {}).map(([type, { schema, example }]) => {
      const name = this.name(schema);
      return make("div", {},
        title ? make("h3", {}, `${title}, ${type}${name ? `: ${name}` : ""}`) : null,
        this.fields(schema) ?? (title ? make("p", { class: "quiet" }, this.kind(schema)) : null),
        example === undefined ? null : make("pre", {}, JSON.stringify(example, null, 2)));
    });
  }

  responses(responses) {
    const rows = Object.entries(responses).map(([status, response]) => {
      const found = this.follow(response);
      const line = [make("code", {}, status), ` ${found.description ?? ""}`];
      const isProblem = Boolean(found.content?.["application/problem+json"]);
      const below = isProblem ? [] : this.body(found.content).filter((part) => part.childElementCount > 0);
      return make("li", {}, below.length === 0 ? line : make("details", {}, make("summary", {}, line), below));
    });
    return [make("h3", {}, "Answers"), make("ul", {}, rows)];
  }

  curl(method, path, operation) {
    const isOpen = (operation.security ?? this.api.security ?? []).some((way) => Object.keys(way).length === 0);
    const lines = [`curl${method === "get" ? "" : ` -X ${method.toUpperCase()}`} ${location.origin}${path}`];
    if (!isOpen) {
      lines.push(`-H "Authorization: Bearer $TOKEN"`);
    }
    const body = operation.requestBody?.content?.["application/json"];
    if (body) {
      const example = body.example ?? this.example(body.schema, 0);
      lines.push(`-H 'content-type: application/json'`, `-d '${JSON.stringify(example).replaceAll("'", "'\\''")}'`);
    }
    return make("pre", {}, lines.join(" \\\n  "));
  }

  /** A value of the right shape: required fields only. */
  example(schema, depth) {
    const found = this.follow(schema);
    const parts = [found, ...(found.allOf ?? []).map((part) => this.follow(part))];
    const first = found.oneOf?.[0] ?? found.anyOf?.[0];
    if (found.example !== undefined || found.const !== undefined || found.enum) {
      return found.example ?? found.const ?? found.enum[0];
    }
    if (first) {
      return this.example(first, depth + 1);
    }
    const type = [found.type ?? (found.properties || found.allOf ? "object" : "any")].flat()[0];
    if (type === "object" && depth < 6) {
      return Object.fromEntries(parts.flatMap((part) =>
        (part.required ?? []).map((field) => [field, this.example(part.properties?.[field], depth + 1)])));
    }
    const values = { string: "…", integer: found.minimum ?? 1, number: found.minimum ?? 1, boolean: true, array: [], null: null };
    return values[type] ?? {};
  }

  route(method, path, item) {
    const operation = item[method];
    const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map((one) => this.follow(one));
    const requestBody = this.follow(operation.requestBody);
    // Filled when it is opened: a hundred routes with all their fields are slow to lay out.
    const inside = make("div");
    const details = make("details", {},
      make("summary", {},
        make("span", { class: `method ${method}` }, method.toUpperCase()),
        make("code", {}, path),
        make("span", { class: "summary quiet" }, operation.summary ?? "")),
      inside);
    details.addEventListener("toggle", () => {
      if (inside.childElementCount === 0) {
        inside.append(...[
          operation.description ? make("p", {}, operation.description) : null,
          this.parameters(parameters),
          this.body(requestBody.content, "Body"),
          this.responses(operation.responses ?? {}),
          [make("h3", {}, "With curl"), this.curl(method, path, { ...operation, requestBody })],
        ].flat(2).filter(Boolean));
      }
    });
    return make("article", { id: operation.operationId, "data-words": `${method} ${path} ${operation.summary ?? ""}`.toLowerCase() }, details);
  }
}

function openNamed() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const details = named?.querySelector("details");
  if (details) {
    details.open = true;
    named.scrollIntoView();
  }
}

function filter(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  for (const element of document.querySelectorAll("[data-words]")) {
    element.hidden = !words.every((word) => element.dataset.words.includes(word));
  }
  for (const section of document.querySelectorAll("[data-group]")) {
    section.hidden = !section.querySelector("[data-words]:not([hidden])");
  }
}

async function show() {
  const state = document.getElementById("state");
  const answer = await fetch("/openapi.json");
  if (!answer.ok) {
    state.textContent = `/openapi.json answers ${answer.status}`;
    return;
  }
  const api = await answer.json();
  const reader = new Reader(api);
  const groups = new Map();
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((method) => item[method])) {
      const tag = item[method].tags?.[0] ?? "other";
      groups.set(tag, [...(groups.get(tag) ?? []), { method, path, item }]);
    }
  }
  const contents = document.getElementById("contents");
  const routes = document.getElementById("routes");
  for (const [tag, entries] of groups) {
    const links = entries.map(({ method, path, item }) => make("a",
      { href: `#${item[method].operationId}`, "data-words": `${method} ${path} ${item[method].summary ?? ""}`.toLowerCase() },
      make("span", { class: `method ${method}` }, method.toUpperCase()), path));
    contents.append(make("section", { "data-group": tag }, make("h2", {}, tag), links));
    routes.append(make("section", { "data-group": tag }, make("h2", {}, tag),
      entries.map(({ method, path, item }) => reader.route(method, path, item))));
  }
  const count = [...groups.values()].reduce((sum, entries) => sum + entries.length, 0);
  state.replaceChildren(
    `${api.info.title} ${api.info.version}: ${count} routes. ${api.info.description ?? ""}. The document: `,
    make("a", { href: "/openapi.json" }, "/openapi.json"));
  document.getElementById("filter").addEventListener("input", (event) => filter(event.target.value));
  addEventListener("hashchange", openNamed);
  openNamed();
}

show().catch((error) => {
  document.getElementById("state").textContent = `The document could not be read: ${error.message}`;
});

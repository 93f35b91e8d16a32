// What a web mail does: fetch() with an Authorization header, and everything that the page may read of the answer.
"use strict";

function basic(name, password) {
  const octets = new TextEncoder().encode(`${name}:${password}`);
  return "Basic " + btoa(String.fromCharCode(...octets));
}

// Gives {status, headers, octets}, or {refused} where the browser keeps the answer from the page.
async function ask(url, { user, password, method = "GET", headers = {}, json, octets, type }) {
  const options = { method, headers: { ...headers } };
  if (user) options.headers.Authorization = basic(user, password);
  if (json) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(json);
  } else if (octets) {
    options.body = new Blob([new Uint8Array(octets)], { type });
  }
  try {
    const response = await fetch(url, options);
    const blob = await response.blob();
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      octets: [...new Uint8Array(await blob.arrayBuffer())],
    };
  } catch (error) {
    return { refused: error.name };
  }
}

// Opens an MP4 by npm mp4box and prints, as JSON, what it finds: tracks, codecs, and each sample's time, length and SHA-256.
// Arguments: folder with the package, file.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, path] = process.argv.slice(2);
const { createFile, Log } = await import(pathToFileURL(createRequire(`${folder}/package.json`).resolve("mp4box")).href);
const complaints = [];
Log.setLogLevel(Log.LOG_LEVEL_WARN);
for (const stream of ["error", "warn", "log", "info"]) console[stream] = (...words) => complaints.push(words.join(" "));

const file = createFile();
const samples = [];
file.onError = (module, message) => complaints.push(`${module}: ${message}`);
let found;
file.onReady = (info) => {
  found = info;
  for (const track of info.tracks) file.setExtractionOptions(track.id, null, { nbSamples: 1 });
  file.start();
};
file.onSamples = (_id, _user, more) => {
  for (const { cts, dts, duration, is_sync, data } of more) {
    samples.push({ cts, dts, duration, keyframe: is_sync, sha256: createHash("sha256").update(data).digest("hex") });
  }
};
const octets = readFileSync(path);
const buffer = octets.buffer.slice(octets.byteOffset, octets.byteOffset + octets.byteLength);
buffer.fileStart = 0;
file.appendBuffer(buffer);
file.flush();
process.stdout.write(JSON.stringify({ codecs: found?.tracks.map((track) => track.codec) ?? [], samples, complaints }));

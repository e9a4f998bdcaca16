/* Build the entries into web/static/assets under names that carry a hash, and write manifest.json, which the pages read. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig, type Plugin } from "vite";

const ENTRIES = ["site.ts", "signin.ts", "passkeys.ts", "cameras.ts", "live.ts", "playback.ts", "signed_in.ts"];
const STYLES = ["site.css", "live.css", "playback.css"];
const COPIED: Record<string, string> = {
  "icons.svg": "src/icons.svg",
  "mark.svg": "src/mark.svg",
  "theme.js": "src/theme.js",
};

/** Copy files as they are, and list every entry under the plain name that templates use. */
function manifest(): Plugin {
  const references = new Map<string, string>();
  return {
    name: "custodian-manifest",
    buildStart() {
      for (const [name, path] of Object.entries(COPIED)) {
        const source = readFileSync(join(import.meta.dirname, path), "utf-8");
        references.set(name, this.emitFile({ type: "asset", name, source }));
      }
    },
    generateBundle(_options, bundle) {
      const files: Record<string, string> = {};
      for (const [name, reference] of references) files[name] = this.getFileName(reference);
      for (const output of Object.values(bundle)) {
        if (output.type === "chunk" && output.isEntry && !output.name.endsWith("_css")) files[`${output.name}.js`] = output.fileName;
        if (output.type === "asset" && output.fileName.endsWith(".css")) files[(output.names[0] ?? output.fileName).replace("_css.css", ".css")] = output.fileName;
      }
      const sorted = Object.fromEntries(Object.entries(files).sort(([a], [b]) => a.localeCompare(b)));
      this.emitFile({ type: "asset", fileName: "manifest.json", source: `${JSON.stringify({ files: sorted }, null, 2)}\n` });
    },
  };
}

const entry = (name: string): [string, string] => [name.replace(/\.(ts|css)$/, name.endsWith(".css") ? "_css" : ""), join(import.meta.dirname, "src", name)];

export default defineConfig({
  base: "/static/",
  publicDir: false,
  plugins: [manifest()],
  build: {
    outDir: "../static",
    emptyOutDir: true,
    target: "es2022",
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    modulePreload: false,
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rollupOptions: {
      input: Object.fromEntries([...ENTRIES, ...STYLES].map(entry)),
      output: { entryFileNames: "assets/[name]-[hash].js", chunkFileNames: "assets/[name]-[hash].js", assetFileNames: "assets/[name]-[hash][extname]" },
    },
  },
});

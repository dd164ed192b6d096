import { defineConfig } from "vite";

// Relative base: the worker and the style find each other wherever Django serves static files.
export default defineConfig({
  base: "./",
  build: {
    outDir: "../annotation/static/dist",
    emptyOutDir: true,
    manifest: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    target: "es2022",
    rollupOptions: {
      input: {
        editor: "src/editor/main.ts",
        passkeys: "src/passkeys/main.ts",
        signedout: "src/signedout/main.ts",
      },
    },
  },
  worker: { format: "es" },
});

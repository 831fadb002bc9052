import { defineConfig } from "vite"

/** Four files of fixed names, without hashes: the server knows them by name, and lets a browser ask anew each time. */
export default defineConfig({
  base: "./",
  publicDir: "public",
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    // A file of its own for what the policy of the page would refuse inside of it.
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    rollupOptions: {
      output: { entryFileNames: "console.js", assetFileNames: "console.[ext]", codeSplitting: false }
    }
  }
})

// The build: two pages, hashed assets under /assets, audio worklets as their own files.
import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

const server = process.env.SWITCHBOARD_URL ?? 'http://127.0.0.1:5000'

const MEDIABUNNY = '/*! With Mediabunny 1, (c) Vanilagy and contributors, MPL-2.0; source: https://github.com/Vanilagy/mediabunny */'

export default defineConfig({
  plugins: [react(), tailwindcss()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  build: {
    outDir: 'dist',
    // The folder holds a .gitkeep that must stay, so scripts/clean.mjs empties it instead of Vite.
    emptyOutDir: false,
    target: 'es2022',
    // A worklet as a data: URL would need a looser Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: true,
    rolldownOptions: {
      // The staff app, and the demo page for everybody else: neither loads the other.
      input: ['index.html', 'try.html'],
      output: {
        // Its licence asks that whoever gets it is told where its source is; the rest of the file is ours or asks for less.
        postBanner: (chunk) => (chunk.moduleIds.some((id) => id.includes('node_modules/mediabunny/')) ? MEDIABUNNY : ''),
        // A few files that change rarely, instead of one for each icon.
        codeSplitting: {
          groups: [
            // Shared by both pages, so in neither's files.
            { name: 'preload', test: /vite\/preload-helper|rolldown\/runtime/, priority: 5 },
            { name: 'react', test: /node_modules\/(react|react-dom|scheduler)\//, priority: 4 },
            {
              name: 'vendor',
              test: /node_modules\/(@tanstack\/(?!.*virtual)|@radix-ui\/react-direction|zustand|use-sync-external-store|openapi-fetch)/,
              priority: 3,
            },
            {
              name: 'radix',
              test: /node_modules\/(@radix-ui\/(?!react-(dialog|switch)\/)|@floating-ui|aria-hidden|react-remove-scroll)/,
              priority: 2,
            },
            { name: 'app', test: /src\/(ui\/(?!Dialog|Field|Meter)|api|live|shell|i18n\/(index|format))|node_modules\/lucide/, minShareCount: 3 },
          ],
        },
      },
    },
  },
  worker: { format: 'es' },
  server: {
    proxy: {
      '/api': { target: server, ws: true, changeOrigin: true },
      '/media': { target: server, ws: true, changeOrigin: true },
      '/forms': { target: server, changeOrigin: true },
    },
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
})

// Makes the page of the guide "Find your first race": one HTML file with everything in it, so that it can
// be put anywhere, or opened from a disk. `npm run site` writes site/dist/first-race.html.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { guidePage } from './guide-page.mjs'

const here = import.meta.dirname
const root = join(here, '..')

/** The page as text. */
export async function buildPage() {
  // Frames of the packages are not the reader's: reports know them by their path.
  const worker = `${await bundle('worker.mjs')}\n//# sourceURL=/backend-sim/dist/worker.js`
  const page = await bundle('page.mjs')
  return guidePage({
    guide: readFileSync(join(root, 'docs/guide/first-race.md'), 'utf8'),
    style: readFileSync(join(here, 'page.css'), 'utf8'),
    worker,
    page,
  })
}

/** One script without imports, of the packages' sources. */
async function bundle(file) {
  const { outputFiles } = await build({
    entryPoints: [join(here, file)],
    bundle: true,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    conditions: ['@hmm-sdk/source'],
    minify: true,
    // Names of errors and classes are shown.
    keepNames: true,
    write: false,
    logLevel: 'silent',
  })
  return outputFiles[0].text
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const folder = join(here, 'dist')
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'first-race.html')
  writeFileSync(file, await buildPage())
  console.log(`site/dist/first-race.html: ${(readFileSync(file).length / 1024).toFixed(0)} KiB`)
}

import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'

// Workspace packages resolve to their TypeScript sources, so tests never see a stale build. Naming
// conditions replaces Vite's defaults, which are therefore repeated.
const conditions = ['@hmm-sdk/source', 'module', 'node', 'development|production']
const fromSource = { resolve: { conditions }, ssr: { resolve: { conditions } } }

const unit: TestProjectInlineConfiguration = {
  ...fromSource,
  test: {
    name: 'unit',
    include: [
      'packages/*/test/**/*.test.ts',
      'packages/backend-kernel/vm/**/*.test.mjs',
      'scripts/**/*.test.ts',
      'lockstep/**/*.test.mjs',
      'catalogue/**/*.test.ts',
      'site/**/*.test.mjs',
    ],
    // Far above what they take: a busy machine makes a test late, not wrong.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
}

/** The packages as a user gets them: packed, installed, run from their built JavaScript. */
const packed: TestProjectInlineConfiguration = {
  test: {
    name: 'packed',
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/pack.ts',
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
}

export default defineConfig({
  test: {
    // Threads start faster than processes, which tells when there are two cores; use both of them.
    pool: 'threads',
    maxWorkers: '100%',
    projects: [unit, packed],
  },
})

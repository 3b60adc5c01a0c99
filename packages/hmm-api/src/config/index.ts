export { defineConfig } from './define-config.js'
export { findConfig, loadConfig, type LoadedConfig } from './load-config.js'
export { loadBackend } from './load-backend.js'

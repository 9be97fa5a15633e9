// Arabic; written in its own right, see texts.test.ts for what must match.
export { default } from './en'

// judge SCHEMA: is each line of standard input a document that the schema allows?
import { readFileSync } from 'node:fs'
import Ajv from 'ajv'

const check = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(JSON.parse(readFileSync(process.argv[2])))
const lines = readFileSync(0, 'utf8').split('\n').filter(line => line)
const wrong = lines.filter(line => !check(JSON.parse(line)) && console.log(JSON.stringify(check.errors)) === undefined)
console.log(`${lines.length} documents, ${wrong.length} wrong`)
process.exit(wrong.length || !lines.length ? 1 : 0)

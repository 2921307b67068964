// SPDX-License-Identifier: Apache-2.0
// Reads the YAML that a chart gives, and writes [{object, errors}]: what the API's own schema says of each object.
const {readFileSync} = require('fs');
const {dirname, join} = require('path');
const {parseAllDocuments} = require('yaml');

// A map that has a key twice is refused by some readers and read by others.
function read(text) {
  return parseAllDocuments(text, {uniqueKeys: true}).map((document) => {
    if (document.errors.length) throw document.errors[0];
    return document.toJS();
  }).filter((object) => object !== null);
}

// The validators do not mind a field that they do not know, and an API server would drop it. But they never look at
// it either: so we watch where they look.
function watched(value, path, unseen) {
  if (typeof value !== 'object' || value === null) return value;
  const children = new Map(Object.keys(value).map((key) => {
    const place = `${path}/${key}`;
    unseen.add(place);
    return [key, watched(value[key], place, unseen)];
  }));
  return new Proxy(value, {
    get(target, key) {
      unseen.delete(`${path}/${String(key)}`);
      return children.has(key) ? children.get(key) : target[key];
    },
  });
}

// The bare validator: a model would copy its object, and so look everywhere.
function validator({apiVersion, kind}) {
  const models = require(`kubernetes-models/${apiVersion}`);
  const name = Object.keys(models).find((other) => other !== kind && models[other] === models[kind]);
  return require(join(dirname(require.resolve('kubernetes-models')), '_schemas', `${name}.js`)).validate;
}

// The Prometheus operator's kinds come as models alone: fields that they do not know are not noticed.
function checkMonitoring(object) {
  const Model = require(`@kubernetes-models/prometheus-operator/${object.apiVersion}`)[object.kind];
  try {
    new Model(object).validate();
    return [];
  } catch (error) {
    return [error.message];
  }
}

function check(object) {
  if (object.apiVersion.startsWith('monitoring.coreos.com/')) return checkMonitoring(object);
  const unseen = new Set();
  const validate = validator(object);
  if (!validate(watched(object, '', unseen)))
    return validate.errors.map(({instancePath, message, keyword}) => `${instancePath}: ${message || keyword}`);
  return [...unseen].map((path) => `${path}: no such field`);
}

const objects = read(readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(objects.map((object) => ({object, errors: check(object)}))));

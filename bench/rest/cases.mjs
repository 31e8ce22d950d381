// What is compared with what. A side is Banter over HTTP, or what Banter's answer cannot be faster
// than: the same library, statements or hash by itself.
//
// Cores: the worker, or the program that stands for it, has core 0. The database has core 1. wrk has
// core 1 where there is no database, and shares the worker's where there is one, so that the
// database has as much as it has beside the bare statements. Logins have both cores, as have the
// bare hashes.
export const CONNECTIONS = 32;
export const DB_THREADS = 4;
// Some for each worker; what waits longer than the run would only be given up.
export const LOGIN_CONNECTIONS = 8;
export const LOGIN_SECONDS = 6;

export const CASES = [
  {
    id: 'health',
    title: '/health',
    what: 'answers a second, server on one core, load on the other',
    sides: {
      bare: { title: 'bare evhttp', bare: true },
      banter: { title: 'Banter', requests: 'health', status: 200 },
    },
    promise: { of: ['banter', 'bare'], figure: 'cpu_us', least: null, most: 1.2, text: 'CPU time of an answer, against bare evhttp' },
  },
  {
    id: 'history',
    title: 'History: the newest 100 messages',
    what: 'answers a second; the session and the membership are looked up for each',
    sides: {
      page: { title: "the page's statement alone", statements: 'page' },
      all: { title: "all of the answer's statements", statements: 'history' },
      banter: { title: 'Banter', requests: 'history', status: 200 },
    },
    promise: { of: ['banter', 'all'], figure: 'per_s', least: 1, text: 'answers, against the same statements without HTTP' },
  },
  {
    id: 'rooms',
    title: 'Room list: 20 rooms with 20 members each',
    what: 'answers a second; the session is looked up for each',
    sides: {
      list: { title: "the list's statements alone", statements: 'list' },
      all: { title: "all of the answer's statements", statements: 'rooms' },
      banter: { title: 'Banter', requests: 'rooms', status: 200 },
    },
    promise: { of: ['banter', 'all'], figure: 'per_s', least: 1, text: 'answers, against the same statements without HTTP' },
  },
  {
    id: 'membership',
    title: 'Membership check: 403 to who is no member',
    what: 'answers a second',
    sides: {
      all: { title: "the answer's statement", statements: 'stranger' },
      banter: { title: 'Banter', requests: 'membership', status: 403 },
    },
    promise: { of: ['banter', 'all'], figure: 'per_s', least: 1, text: 'answers, against the same statement without HTTP' },
  },
  {
    id: 'login',
    title: 'Logins, scrypt with N = 2^15',
    what: 'logins a second on two cores; the database and the load share them',
    sides: {
      bare: { title: 'scrypt alone, a thread a core', scrypt: true },
      banter: { title: 'Banter', requests: 'login', status: 200 },
    },
    promise: { of: ['banter', 'bare'], figure: 'per_s', least: 0.9, text: 'logins, against scrypt alone' },
  },
];

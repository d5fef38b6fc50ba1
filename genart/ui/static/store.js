// What this browser keeps between visits, in its IndexedDB and nowhere else. Where it has none, or refuses,
// everything works and is forgotten with the page. It knows neither recipes nor the page.

const NAME = "genart";
const VERSION = 1;
const PLACES = ["kept", "past"]; // records of both have an `id`
const PATIENCE_MS = 5000; // another window may hold the door shut

export class Store {
  constructor() {
    this.opening = open().catch(() => null);
  }

  // Whether anything is kept at all.
  async works() {
    return !!(await this.opening);
  }

  // Every record of a place; none where they cannot be read.
  async all(place) {
    try {
      const database = await this.opening;
      return database ? await answered(database.transaction(place).objectStore(place).getAll()) : [];
    } catch {
      return [];
    }
  }

  // All of a change or nothing; false where it could not be written, as where the disk is full.
  async change(place, { put = [], drop = [] }) {
    try {
      const database = await this.opening;
      if (!database) return true;
      const writing = database.transaction(place, "readwrite");
      for (const record of put) writing.objectStore(place).put(record);
      for (const id of drop) writing.objectStore(place).delete(id);
      writing.commit?.(); // a page that is being left hears no more of it
      await new Promise((done, failed) => {
        writing.oncomplete = done;
        writing.onerror = writing.onabort = () => failed(writing.error);
      });
      return true;
    } catch {
      return false;
    }
  }
}

function open() {
  return new Promise((done, failed) => {
    setTimeout(failed, PATIENCE_MS);
    const opening = indexedDB.open(NAME, VERSION);
    opening.onupgradeneeded = () => {
      for (const place of PLACES) opening.result.createObjectStore(place, { keyPath: "id" });
    };
    opening.onerror = () => failed(opening.error);
    opening.onsuccess = () => {
      opening.result.onversionchange = () => opening.result.close();
      done(opening.result);
    };
  });
}

function answered(request) {
  return new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
}

/** A disk that refuses some writes. */

/** Lets the writes of a journal be refused from then on: each as by a full disk, after it was taken in. */
export function makeFillable(db: IDBDatabase) {
  const begin = db.transaction.bind(db);
  let isFull = (_holdsSteps: boolean): boolean => false;
  db.transaction = (...given: Parameters<IDBDatabase["transaction"]>) => {
    const transaction = begin(...given);
    if (given[1] !== "readwrite") return transaction;
    let holdsSteps = false;
    const open = transaction.objectStore.bind(transaction);
    transaction.objectStore = (name) => {
      const store = open(name);
      const put = store.put.bind(store);
      store.put = (value) => {
        holdsSteps ||= name === "steps";
        return put(value);
      };
      return store;
    };
    const commit = transaction.commit.bind(transaction);
    transaction.commit = () => {
      if (!isFull(holdsSteps)) return commit();
      const error = new DOMException("full", "QuotaExceededError");
      Object.defineProperty(transaction, "error", { value: error });
      transaction.abort();
    };
    return transaction;
  };
  return (listener: (holdsSteps: boolean) => boolean) => {
    isFull = listener;
  };
}

// Runs in the page before its own scripts: times the editor's input handlers and drawing from outside.
(() => {
  const watched = new Set(["pointerdown", "pointermove", "pointerup", "keydown"]);
  const add = EventTarget.prototype.addEventListener;
  const frame = window.requestAnimationFrame.bind(window);
  let handling = 0;
  let frames = [];

  EventTarget.prototype.addEventListener = function (type, listener, options) {
    if (!watched.has(type) || typeof listener !== "function")
      return add.call(this, type, listener, options);
    const timed = function (event) {
      const started = performance.now();
      try {
        return listener.call(this, event);
      } finally {
        handling += performance.now() - started;
      }
    };
    return add.call(this, type, timed, options);
  };

  // Adds one entry for each frame that the editor drew. Its work is the time of the input handlers
  // since the last frame, and the time of all drawing in this frame.
  window.requestAnimationFrame = (draw) =>
    frame((at) => {
      const started = performance.now();
      draw(at);
      const spent = performance.now() - started;
      const last = frames.at(-1);
      if (last?.at === at) last.work += spent;
      else {
        frames.push({ at, work: handling + spent });
        handling = 0;
      }
    });

  // Resolves one frame after `holds` is true. Rejects after `limit` milliseconds, so that the bench
  // fails instead of waiting for ever.
  const until = (holds, limit = 60_000) =>
    new Promise((resolve, reject) => {
      const end = performance.now() + limit;
      const look = () => {
        if (window.roundtruth && holds(window.roundtruth.state()))
          frame(() => resolve(performance.now()));
        else if (performance.now() > end) reject(new Error(`not shown within ${limit} ms`));
        else frame(look);
      };
      look();
    });

  window.stopwatch = {
    start: () => {
      frames = [];
      handling = 0;
    },
    frames: () => frames,
    /** Resolves to the time at which the film of another case has been shown for one frame. */
    filmOfOther: (assignment) =>
      until(({ hasFilm, current }) => hasFilm && current && current.assignment !== assignment),
  };
  window.filmAt = until((room) => room.hasFilm);
  // A page without a film would report an unhandled error here. Code that awaits `filmAt` still gets it.
  window.filmAt.catch(() => undefined);
})();

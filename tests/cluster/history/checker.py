"""What must be true of the histories of all clients, whatever died meanwhile. Pure.

Events are dicts with `t` (seconds, one clock for all), `client`, `what`, and:

    write    file slot version     acknowledged: `t` is the answer's time
    read     file slot version asked    what a read gave, asked at time `asked`; 0: nothing was there
    final    file slot version     the last look, after everybody has stopped
    hold     resource until        exclusive from `t` (granted) to `until` (given back, before it was asked)
    reclaim  file status           of a persistent handle after a reconnect
    deleted  file                  CLOSE of a handle with delete-on-close was acknowledged
    created  file                  CREATE with disposition CREATE was acknowledged
    present  file is_there         whether the file is there at the end
    error    text                  a status that no client may see

A slot of a file has one writer, who numbers its versions from 1 and never has two versions of one slot
under way. So versions must not go back, in the reads of anybody.
"""

import collections

SUCCESS = 0


def check(events):
    """Violations, each a sentence; empty when all promises were kept."""
    found = []
    for rule in (check_errors, check_versions, check_exclusion, check_reclaims, check_deletes):
        found += rule(events)
    return found


def of_kind(events, *kinds):
    return [event for event in events if event["what"] in kinds]


def check_errors(events):
    return [f"client {event['client']} saw {event['text']}" for event in of_kind(events, "error")]


def check_versions(events):
    """No acknowledged write is lost, and none comes back over a later one."""
    found = []
    newest = collections.defaultdict(list)  # (file, slot): [(time of the answer, version)]
    for event in of_kind(events, "write"):
        newest[event["file"], event["slot"]].append((event["t"], event["version"]))
    for event in of_kind(events, "read", "final"):
        asked = event.get("asked", event["t"])
        before = [version for t, version in newest[event["file"], event["slot"]] if t <= asked]
        if before and event["version"] < max(before):
            found.append(f"{event['file']} slot {event['slot']} had version {event['version']} at "
                         f"{event['t']:.3f}, after version {max(before)} was acknowledged")
    return found


def check_exclusion(events):
    """Nobody has what another one has."""
    found = []
    by_resource = collections.defaultdict(list)
    for event in of_kind(events, "hold"):
        by_resource[event["resource"]].append(event)
    for resource, holds in by_resource.items():
        holds.sort(key=lambda event: event["t"])
        last = None
        for hold in holds:
            if last is not None and hold["t"] < last["until"] and hold["client"] != last["client"]:
                found.append(f"{resource} was held by client {last['client']} until "
                             f"{last['until']:.3f}, and by {hold['client']} from {hold['t']:.3f}")
            if last is None or hold["until"] > last["until"]:
                last = hold
    return found


def check_reclaims(events):
    return [f"the handle of client {event['client']} on {event['file']} was not given back: "
            f"0x{event['status']:08X}"
            for event in of_kind(events, "reclaim") if event["status"] != SUCCESS]


def check_deletes(events):
    """A file is gone once its delete was acknowledged, and a new one of that name is not deleted again."""
    found = []
    should_be_there = {}
    for event in sorted(of_kind(events, "created", "deleted"), key=lambda one: one["t"]):
        should_be_there[event["file"]] = event["what"] == "created"
    seen = {event["file"]: event["is_there"] for event in of_kind(events, "present")}
    for file, is_there in should_be_there.items():
        if file not in seen:
            found.append(f"nobody looked for {file} at the end")
        elif seen[file] != is_there:
            found.append(f"{file} is there although its delete was acknowledged" if seen[file] else
                         f"{file} is gone although it was created after its last delete")
    return found

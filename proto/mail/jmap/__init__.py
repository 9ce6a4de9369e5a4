"""JMAP as it is said (RFC 8620, 8621, 8887, 9007, 9404, 9425, 9670): JSON in, typed values out, and back.

The law: nothing here does I/O, knows the time or draws lots. What a client got wrong leaves as one of three
exceptions of `errors`: RequestError (the HTTP answer is a problem), MethodError (one call is answered by an error)
or SetError (one object is refused); nothing else leaves, whatever comes.

One request, in the order the gateway goes through it:

    request = decode(body, limits, capabilities)             request.py         RequestError
    created = CreationIds(request.created_ids, limits)       creation.py
    budget = Budget(limits)                                  references.py
    for call in request.calls:                               name, arguments, id
        method = find(call.name, request.using)              methods/table.py   MethodError unknownMethod
        arguments = resolve(call.arguments, responses, budget)                  invalidResultReference
        typed = method.read(arguments, request.using, limits)                   invalidArguments, requestTooLarge
        read_filter(method.kind, typed.filter, limits)       filters.py         unsupportedFilter
        read_sort(method.kind, typed.sort, collations, limits)   sorting.py     unsupportedSort
        MAILBOX.create(object, created, limits)              objects/           SetError; Kind.update likewise
        created.add(creation_id, id)
        responses.append((name, result, call.id))            plain tuples, the results plain JSON values
    encode(responses, session_state, created.json())         request.py

Core/echo answers with the arguments as `resolve` left them. `objects/names.py` has the properties of each type,
`objects/email.py` where emails are and their keywords, `objects/blob.py` blobs made and read in calls, `session.py`
the Session object, `websocket.py` and `push.py` what is said outside of requests.
"""

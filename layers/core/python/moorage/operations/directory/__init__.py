"""The directory: compartments, users, groups, policies and the like, as both the cloud plane and `moorage` change them.

Whoever calls has been authorised. Each function takes the stores and the tenancy as the caller has read it, and
answers the resource as it is now. A change is one transaction on what was read; when another was first, it is read
and decided again. `remember` makes what is stored for a retry token, from the id and the etag of what was made;
`if_match` is the etag that the resource must have.
"""

"""Whether a pipeline's cursors are those of the topic that bears the name now (I6)."""

from processors.runtime.failures import TopicChanged
from schemas import remedies
from store.postgres.session import Cursor
from store.streams import cursors


def refuse_recreated(cursor: Cursor, pipeline: str, cluster: str, topic: str, uuid: str) -> None:
    """Raises TopicChanged when a cursor of this name belongs to another topic.

    The topic was recreated, or this is another cluster: where to go on, an operator must say.
    """
    if cursors.is_known(cursor, pipeline, cluster, uuid):
        return
    others = cursors.cursors_of_other_topics(cursor, pipeline, cluster, topic, uuid)
    for other_cluster, other_uuid, partition, offset in others:
        raise TopicChanged(
            f"topic {topic} was recreated, or this is another cluster: the cursor of partition "
            f"{partition} is at {offset} in topic {other_uuid} of cluster {other_cluster}, "
            f"while here it is {uuid} of {cluster}",
            remedies.adopt_cursor(pipeline),
            where=topic,
        )
